/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/outbox.h"

#include "app/store/keys.h"

static struct str key_of(struct asks *a, unsigned shard)
{
    return key_shard_record(a->arena, shard, SHARD_KEY_OUTBOX);
}

struct ask *outbox_ask_next(struct asks *a, unsigned shard, struct str behind)
{
    struct str from = behind.n > 0 ? arena_printf(a->arena, "(%.*s", STR_ARG(behind)) : STR("-");

    return ask_command(
        a, ASK_READ, 6,
        (struct str[]){STR("XRANGE"), key_of(a, shard), from, STR("+"), STR("COUNT"), STR("1")});
}

bool outbox_read_next(const struct ask *ask, struct outbox_entry *ret_entry, bool *ret_there,
                      struct problem *p)
{
    struct stream_entry entry;
    size_t n;

    if (stream_read(ask->reply, 1, &entry, &n) != REPLY_THERE) {
        reply_problem(ask->reply, p);
        return false;
    }
    *ret_there = n > 0;
    if (n == 0)
        return true;
    *ret_entry = (struct outbox_entry){.id = entry.id, .message.traceparent = STR("")};
    (void)stream_field(&entry, STR("e"), &ret_entry->message.event);
    (void)stream_field(&entry, STR("t"), &ret_entry->message.traceparent);
    return true;
}

struct ask *outbox_ask_remove(struct asks *a, unsigned shard, struct str holder, struct str id)
{
    return ask_script(a, &script_published, 2, 4,
                      (struct str[]){key_shard_record(a->arena, shard, SHARD_KEY_LEASE),
                                     key_of(a, shard), holder, id});
}

void outbox_ask_add(struct asks *a, unsigned shard, const struct message *message)
{
    (void)ask_command(a, ASK_WRITE, 7,
                      (struct str[]){STR("XADD"), key_of(a, shard), STR("*"), STR("e"),
                                     message->event, STR("t"), message->traceparent});
}

void outbox_ask_trim(struct asks *a, unsigned shard, int64_t before_ms)
{
    (void)ask_command(a, ASK_WRITE, 4,
                      (struct str[]){STR("XTRIM"), key_of(a, shard), STR("MINID"),
                                     arena_printf(a->arena, "%lld", (long long)before_ms)});
}

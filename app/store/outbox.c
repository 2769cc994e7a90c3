/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/outbox.h"

#include "app/store/keys.h"

static struct str key_of(struct pipeline *a, unsigned shard)
{
    return key_shard_record(a->arena, shard, SHARD_KEY_OUTBOX);
}

struct command *outbox_cmd_next(struct pipeline *a, unsigned shard, struct str behind)
{
    struct str from = behind.n > 0 ? arena_printf(a->arena, "(%.*s", STR_ARG(behind)) : STR("-");

    return pipeline_add(
        a, COMMAND_READ, 6,
        (struct str[]){STR("XRANGE"), key_of(a, shard), from, STR("+"), STR("COUNT"), STR("1")});
}

bool outbox_parse_next(const struct command *command, struct outbox_entry *ret_entry,
                       bool *ret_there, struct problem *p)
{
    struct stream_entry entry;
    size_t n;

    if (stream_parse(command->reply, 1, &entry, &n) != REPLY_OK) {
        reply_problem(command->reply, p);
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

struct command *outbox_cmd_remove(struct pipeline *a, unsigned shard, struct str holder,
                                  struct str id)
{
    return pipeline_add_script(a, &script_outbox_remove, 2, 4,
                               (struct str[]){key_shard_record(a->arena, shard, SHARD_KEY_LEASE),
                                              key_of(a, shard), holder, id});
}

void outbox_cmd_add(struct pipeline *a, unsigned shard, const struct message *message)
{
    (void)pipeline_add(a, COMMAND_WRITE, 7,
                       (struct str[]){STR("XADD"), key_of(a, shard), STR("*"), STR("e"),
                                      message->event, STR("t"), message->traceparent});
}

void outbox_cmd_trim(struct pipeline *a, unsigned shard, int64_t before_ms)
{
    (void)pipeline_add(a, COMMAND_WRITE, 4,
                       (struct str[]){STR("XTRIM"), key_of(a, shard), STR("MINID"),
                                      arena_printf(a->arena, "%lld", (long long)before_ms)});
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands on the outbox, a stream of events that are to be published. An entry has the fields e
 * (event, as JSON) and t (traceparent, the trace context of the request that caused it). */
#include "app/store/outbox.h"

#include "app/store/keys.h"

/* Returns the key {ss}:outbox of the shard (ss: its number in hex). */
static struct str outbox_key(struct pipeline *pipeline, unsigned shard)
{
    return key_shard_record(pipeline->arena, shard, SHARD_KEY_OUTBOX);
}

/* Reads a single entry, because the next one may be published only after it. "(" before an id
 * excludes that id from the range. */
struct command *outbox_cmd_next(struct pipeline *pipeline, unsigned shard, struct str previous)
{
    struct str from =
        previous.n > 0 ? arena_printf(pipeline->arena, "(%.*s", STR_ARG(previous)) : STR("-");

    return stream_cmd_range(pipeline, outbox_key(pipeline, shard), from, STR("+"), /* count */ 1);
}

/* Reads the fields of the entry. When the event is absent its p stays NULL; when the traceparent is
 * absent it stays empty. */
bool outbox_parse_next(const struct command *command, struct outbox_entry *ret_entry,
                       bool *ret_found, struct problem *p)
{
    struct stream_entry entry;
    size_t n;

    if (stream_parse(command->reply, /* max */ 1, &entry, &n) != REPLY_OK) {
        reply_problem(command->reply, p);
        return false;
    }
    *ret_found = n > 0;
    if (n == 0)
        return true;
    *ret_entry = (struct outbox_entry){.id = entry.id, .message.traceparent = STR("")};
    (void)stream_field(&entry, STR("e"), &ret_entry->message.event);
    (void)stream_field(&entry, STR("t"), &ret_entry->message.traceparent);
    return true;
}

struct command *outbox_cmd_remove(struct pipeline *pipeline, unsigned shard, struct str holder,
                                  struct str id)
{
    return pipeline_add_script(
        pipeline, &script_outbox_remove, 2, 4,
        (struct str[]){key_shard_record(pipeline->arena, shard, SHARD_KEY_LEASE),
                       outbox_key(pipeline, shard), holder, id});
}

void outbox_cmd_add(struct pipeline *pipeline, unsigned shard, const struct message *message)
{
    (void)pipeline_add(pipeline, COMMAND_WRITE, 7,
                       (struct str[]){STR("XADD"), outbox_key(pipeline, shard), STR("*"), STR("e"),
                                      message->event, STR("t"), message->traceparent});
}

/* XTRIM MINID accepts a time in milliseconds instead of a whole id, because ids begin with such a
 * time. */
void outbox_cmd_trim(struct pipeline *pipeline, unsigned shard, int64_t before_ms)
{
    (void)pipeline_add(pipeline, COMMAND_WRITE, 4,
                       (struct str[]){STR("XTRIM"), outbox_key(pipeline, shard), STR("MINID"),
                                      command_int(pipeline->arena, before_ms)});
}

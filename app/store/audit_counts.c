/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads counted accesses, and, in the forms of schema 1, makes audit records of them. The last line
 * of a field is always the details, a JSON object. Only another program can have written a field of
 * another form. */
#include "app/store/audit_counts.h"

#include "app/store/keys.h"

/* Returns the key of the shard's hash of counts: that of the open segment, or that of schema 1. */
static struct str counts_key(struct arena *arena, enum audit_stream stream, unsigned shard)
{
    return key_shard_record(
        arena, shard, stream == AUDIT_STREAM_OPEN ? SHARD_KEY_AUDIT_COUNTS : SHARD_KEY_AUDIT_READS);
}

struct command *audit_cmd_scan_counts(struct pipeline *pipeline, enum audit_stream stream,
                                      unsigned shard, struct str cursor, int count)
{
    return pipeline_add(pipeline, COMMAND_READ, 5,
                        (struct str[]){STR("HSCAN"), counts_key(pipeline->arena, stream, shard),
                                       cursor, STR("COUNT"), command_int(pipeline->arena, count)});
}

struct command *audit_cmd_counts_length(struct pipeline *pipeline, unsigned shard)
{
    struct str key = counts_key(pipeline->arena, AUDIT_STREAM_OPEN, shard);

    return pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("HLEN"), key});
}

/* Parses what follows the count in a value: the id that the record will have, and the time of the
 * last access (epoch ms). A time of 0 is refused, because it would mark a record that is no count.
 * Returns false if they have another form. */
static bool counts_parse_times(struct str value, struct audit_counted_read *ret)
{
    ret->id = str_cut(&value, ' ');
    ret->record.correlation_id = STR("");
    return ret->id.n < STREAM_ID_SIZE && stream_id_valid(ret->id) &&
           str_to_int64(value, 1, INT64_MAX / 2, &ret->last_ms);
}

/* Parses a field of the hash of counts, and its value. The field has these lines: pseudonym of the
 * student, minute (in schema 1 only), actor, role, action, resource, success, details. The value is
 * the count and, after a space, id and time of the last access or, in schema 1, a correlation id.
 * Returns false if they have another form. */
static bool counts_parse_field(struct str field, struct str value, enum audit_stream stream,
                               struct audit_counted_read *ret)
{
    struct audit_record *record = &ret->record;

    ret->subject = str_cut(&field, '\n');
    /* / 60000: so that the minute in milliseconds fits */
    if (stream == AUDIT_STREAM_SCHEMA_1 &&
        !str_to_int64(str_cut(&field, '\n'), 0, INT64_MAX / 60000, &ret->minute))
        return false;
    record->actor = str_cut(&field, '\n');
    record->role = str_cut(&field, '\n');
    record->action = str_cut(&field, '\n');
    record->resource = str_cut(&field, '\n');
    record->success = str_equal(str_cut(&field, '\n'), STR("1"));
    record->details = field;
    if (field.n < 2 /* the shortest object is {} */ || field.p[0] != '{' ||
        memchr(field.p, '\n', field.n) ||
        !str_to_int64(str_cut(&value, ' '), 0, INT64_MAX, &record->count))
        return false;
    if (stream == AUDIT_STREAM_OPEN)
        return counts_parse_times(value, ret);
    record->correlation_id = value;
    return true;
}

size_t audit_counts_replied(const struct command *command)
{
    size_t n;

    return reply_array(reply_at(command->reply, 1), SIZE_MAX, &n) == REPLY_OK ? n / 2 : 0;
}

/* HSCAN replies [cursor, [field, value, field, value, ...]]. A pair that cannot be parsed is
 * returned as invalid. */
bool audit_parse_counts(const struct command *command, enum audit_stream stream, size_t max,
                        struct str *ret_cursor, struct audit_counted_read *ret_reads,
                        size_t *ret_count, struct problem *p)
{
    const redisReply *list = reply_at(command->reply, 1);
    size_t n, count = 0;

    if (reply_text(reply_at(command->reply, 0), ret_cursor) != REPLY_OK ||
        reply_array(list, 2 * max, &n) != REPLY_OK) {
        reply_problem(command->reply, p);
        return false;
    }
    for (size_t i = 0; i + 1 < n; i += 2, count++) {
        struct audit_counted_read *read = &ret_reads[count];

        *read = (struct audit_counted_read){0};
        if (reply_text(reply_at(list, i), &read->field) == REPLY_OK &&
            reply_text(reply_at(list, i + 1), &read->value) == REPLY_OK)
            read->valid = counts_parse_field(read->field, read->value, stream, read);
    }
    *ret_count = count;
    return true;
}

/* Builds the call of schema_1_audit_aggregate.lua, with the field, value, subject and record of
 * each counted read. */
struct command *audit_cmd_aggregate(struct pipeline *pipeline, unsigned shard, struct str holder,
                                    const struct audit_counted_read *reads, size_t count)
{
    enum { KEYS = 3, ARGS = 3 + AUDIT_ARGS };
    struct str *argv = arena_array(pipeline->arena, KEYS + 1 + count * ARGS, sizeof(*argv));
    int argc = KEYS + 1;

    if (!argv) /* out of memory: a script without arguments fails the pipeline */
        return pipeline_add_script(pipeline, &script_schema_1_audit_aggregate, 0, 0, NULL);
    argv[0] = key_shard_record(pipeline->arena, shard, SHARD_KEY_LEASE);
    argv[1] = key_shard_record(pipeline->arena, shard, SHARD_KEY_AUDIT_READS);
    argv[2] = key_shard_record(pipeline->arena, shard, SHARD_KEY_AUDIT);
    argv[3] = holder;
    for (size_t i = 0; i < count; i++, argc += ARGS) {
        argv[argc] = reads[i].field;
        argv[argc + 1] = reads[i].value;
        argv[argc + 2] = reads[i].subject;
        audit_record_args(pipeline->arena, &reads[i].record, argv + argc + 3);
        if (reads[i].record.count == 0) /* 0: a refusal that was recorded at once, so its count is
                                           only deleted; audit_record_args has made 1 of the 0 */
            argv[argc + ARGS - 1] = STR("0");
    }
    return pipeline_add_script(pipeline, &script_schema_1_audit_aggregate, KEYS, argc, argv);
}

/* Calls audit_counts_remove.lua. */
struct command *audit_cmd_remove_counts(struct pipeline *pipeline, unsigned shard,
                                        struct str holder, const struct audit_counted_read *reads,
                                        size_t count)
{
    struct str *argv = arena_array(pipeline->arena, 3 + 2 * count, sizeof(*argv));
    int argc = 0;

    if (!argv) /* out of memory: a script without arguments fails the pipeline */
        return pipeline_add_script(pipeline, &script_audit_counts_remove, 0, 0, NULL);
    argv[argc++] = key_shard_record(pipeline->arena, shard, SHARD_KEY_LEASE);
    argv[argc++] = counts_key(pipeline->arena, AUDIT_STREAM_OPEN, shard);
    argv[argc++] = holder;
    for (size_t i = 0; i < count; i++) {
        argv[argc++] = reads[i].field;
        argv[argc++] = reads[i].value;
    }
    return pipeline_add_script(pipeline, &script_audit_counts_remove, 2, argc, argv);
}

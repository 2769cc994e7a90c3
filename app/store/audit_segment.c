/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands on the segments of the audit log. Their contents are made and read in app/service. */
#include "app/store/audit_segment.h"

#include "app/store/keys.h"

/* The fields of a segment: z: packed records; h: head; n: number of its records; c: number of
 * records of this and all earlier segments. Names of one letter, as for the fields of audit
 * records. */
enum { FIELD_PACKED, FIELD_HEAD, FIELD_COUNT, FIELD_TOTAL, FIELDS, ELEMENTS = 2 * FIELDS };
static const struct str field_names[FIELDS] = {STR_INIT("z"), STR_INIT("h"), STR_INIT("n"),
                                               STR_INIT("c")};

/* Returns the key of the stream of the shard's closed segments. */
static struct str segment_key(struct arena *arena, unsigned shard)
{
    return key_shard_record(arena, shard, SHARD_KEY_AUDIT_SEGMENTS);
}

struct command *audit_open_cmd_length(struct pipeline *pipeline, unsigned shard)
{
    return audit_cmd_count(pipeline, AUDIT_STREAM_OPEN, shard);
}

/* Calls audit_segment_close.lua. */
struct command *audit_segment_cmd_close(struct pipeline *pipeline, unsigned shard,
                                        struct str holder, struct str previous_head,
                                        const struct audit_segment *segment, int64_t kept_days,
                                        const struct audit_open *open)
{
    enum { KEYS = 4, FIXED_ARGS = 9 };
    struct arena *arena = pipeline->arena;
    size_t keys = KEYS + segment->student_count;
    struct str *argv = arena_array(
        arena, keys + FIXED_ARGS + open->id_count + 2 * open->count_count, sizeof(*argv));
    int argc = 0;

    if (!argv) /* out of memory: a script without arguments fails the pipeline */
        return pipeline_add_script(pipeline, &script_audit_segment_close, 0, 0, NULL);
    argv[argc++] = key_shard_record(arena, shard, SHARD_KEY_LEASE);
    argv[argc++] = key_shard_record(arena, shard, SHARD_KEY_AUDIT_OPEN);
    argv[argc++] = key_shard_record(arena, shard, SHARD_KEY_AUDIT_COUNTS);
    argv[argc++] = segment_key(arena, shard);
    for (size_t i = 0; i < segment->student_count; i++)
        argv[argc++] = key_audit_index(arena, shard, segment->students[i]);
    argv[argc++] = holder;
    argv[argc++] = previous_head;
    argv[argc++] = segment->id;
    argv[argc++] = segment->packed;
    argv[argc++] = segment->head;
    argv[argc++] = command_int(arena, segment->count);
    argv[argc++] = command_int(arena, segment->total);
    argv[argc++] = command_int(arena, kept_days);
    argv[argc++] = command_int(arena, (int64_t)open->id_count);
    for (size_t i = 0; i < open->id_count; i++)
        argv[argc++] = open->ids[i];
    for (size_t i = 0; i < open->count_count; i++) {
        argv[argc++] = open->counts[i]->field;
        argv[argc++] = open->counts[i]->value;
    }
    return pipeline_add_script(pipeline, &script_audit_segment_close, (int)keys, argc, argv);
}

bool audit_segment_parse_close(const struct command *command, int64_t *ret, struct problem *p)
{
    return reply_expect_int(command->reply, ret, p);
}

struct command *audit_segment_cmd_latest(struct pipeline *pipeline, unsigned shard)
{
    return stream_cmd_newest(pipeline, segment_key(pipeline->arena, shard), STR("+"),
                             /* count */ 1);
}

struct command *audit_segment_cmd_range(struct pipeline *pipeline, unsigned shard, struct str from,
                                        struct str to, int count)
{
    return stream_cmd_range(pipeline, segment_key(pipeline->arena, shard), from, to, count);
}

/* Parses one entry of the stream of closed segments. An entry with other fields, which only another
 * program can have written, is returned as invalid, so that a verification can report it. */
static void segment_parse_entry(const struct stream_entry *from, struct audit_segment *ret)
{
    struct str v[FIELDS];
    size_t n;

    *ret = (struct audit_segment){.id = from->id, .packed = STR(""), .head = STR("")};
    if (reply_array(from->fields, ELEMENTS, &n) != REPLY_OK || n != ELEMENTS)
        return;
    for (size_t i = 0; i < FIELDS; i++) {
        struct str name;

        if (reply_text(reply_at(from->fields, 2 * i), &name) != REPLY_OK ||
            !str_equal(name, field_names[i]) ||
            reply_text(reply_at(from->fields, 2 * i + 1), &v[i]) != REPLY_OK)
            return;
    }
    ret->packed = v[FIELD_PACKED];
    ret->head = v[FIELD_HEAD];
    ret->valid = v[FIELD_HEAD].n == AUDIT_SEGMENT_HEAD &&
                 str_to_int64(v[FIELD_COUNT], 1, AUDIT_SEGMENT_RECORDS, &ret->count) &&
                 str_to_int64(v[FIELD_TOTAL], 1, INT64_MAX, &ret->total);
}

bool audit_segment_parse(const struct command *command, size_t max, struct audit_segment *ret,
                         size_t *ret_count, struct problem *p)
{
    struct stream_entry entry;
    size_t n;

    if (!reply_expect_array(command->reply, max, &n, p))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!stream_entry_parse(reply_at(command->reply, i), &entry)) {
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
            return false;
        }
        segment_parse_entry(&entry, &ret[i]);
    }
    *ret_count = n;
    return true;
}

/* Calls audit_segment_bound.lua. */
struct command *audit_segment_cmd_find(struct pipeline *pipeline, unsigned shard, struct str id)
{
    return pipeline_add_read_script(pipeline, &script_audit_segment_bound, 1, 2,
                                    (struct str[]){segment_key(pipeline->arena, shard), id});
}

bool audit_segment_parse_find(const struct command *command, struct str *ret_id, int64_t *ret_total,
                              struct problem *p)
{
    if (reply_text(reply_at(command->reply, 0), ret_id) == REPLY_OK && ret_id->n < STREAM_ID_SIZE &&
        (ret_id->n == 0 || stream_id_valid(*ret_id)) &&
        reply_count(reply_at(command->reply, 1), ret_total) == REPLY_OK)
        return true;
    reply_problem(command->reply, p);
    return false;
}

struct command *audit_segment_cmd_trim(struct pipeline *pipeline, unsigned shard, struct str holder,
                                       int64_t before_ms)
{
    struct str argv[] = {key_shard_record(pipeline->arena, shard, SHARD_KEY_LEASE),
                         segment_key(pipeline->arena, shard), holder,
                         command_int(pipeline->arena, before_ms)};

    return pipeline_add_script(pipeline, &script_audit_segment_trim, 2, 4, argv);
}

/* Calls audit_segment_forget.lua. */
struct command *audit_segment_cmd_forget(struct pipeline *pipeline, unsigned shard,
                                         struct str holder, struct str first)
{
    struct str argv[] = {key_shard_record(pipeline->arena, shard, SHARD_KEY_LEASE),
                         segment_key(pipeline->arena, shard), holder, first};

    return pipeline_add_script(pipeline, &script_audit_segment_forget, 2, 4, argv);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands on audit records: passing them to the Lua scripts that append or count them, and reading
 * them. The arguments per item must match audit_items.lua and audit_count_reads.lua in
 * app/store/lua, and, with the minute of the item, the scripts of schema 1.
 *
 * A student appears in records under a random pseudonym, the record's subject. */
#include "app/store/audit.h"

#include "app/base/buf.h"
#include "app/base/ids.h"
#include "app/store/keys.h"
#include "app/store/schema.h"

/* Names of one letter, because Redis stores them with each record. */
static const struct str audit_field_names[AUDIT_FIELDS] = {
    [AUDIT_ACTOR] = STR_INIT("a"),       [AUDIT_ROLE] = STR_INIT("r"),
    [AUDIT_ACTION] = STR_INIT("t"),      [AUDIT_RESOURCE] = STR_INIT("o"),
    [AUDIT_SUBJECT] = STR_INIT("w"),     [AUDIT_SUCCESS] = STR_INIT("s"),
    [AUDIT_CORRELATION] = STR_INIT("c"), [AUDIT_DETAILS] = STR_INIT("d"),
    [AUDIT_COUNT] = STR_INIT("n"),
};

/* ---- writing ---- */

/* Returns the text with line feeds replaced by spaces. Only texts of clients can have some. An
 * absent text (its p is NULL) becomes an empty one, because an argument without text would fail
 * the pipeline. When out of memory, the result's p is NULL, so that the pipeline fails. */
static struct str audit_one_line(struct arena *arena, struct str s)
{
    char *copy;

    if (s.n == 0 || !memchr(s.p, '\n', s.n))
        return s.p ? s : STR("");
    copy = arena_alloc(arena, s.n);
    if (!copy)
        return (struct str){0};
    memcpy(copy, s.p, s.n);
    for (char *p = copy; (p = memchr(p, '\n', s.n - (size_t)(p - copy)));)
        *p = ' ';
    return (struct str){copy, s.n};
}

struct str audit_actor_of_id(struct arena *arena, struct str id)
{
    return str_starts_with(id, STR(AUDIT_ACTOR_STUDENT)) ? arena_printf(arena, "=%.*s", STR_ARG(id))
                                                         : id;
}

struct str audit_actor_shown(struct str actor)
{
    size_t skipped = str_starts_with(actor, STR("=" AUDIT_ACTOR_STUDENT)) ? 1 : 0;

    return (struct str){actor.p + skipped, actor.n - skipped};
}

/* Puts the texts of a record in the order of enum audit_field without AUDIT_SUBJECT, which the
 * script adds. A count of 0 becomes 1, and empty details become {}. */
void audit_record_args(struct arena *arena, const struct audit_record *record,
                       struct str ret_args[AUDIT_ARGS])
{
    int n = 0;

    ret_args[n++] = audit_one_line(arena, record->actor);
    ret_args[n++] = audit_one_line(arena, record->role);
    ret_args[n++] = audit_one_line(arena, record->action);
    ret_args[n++] = audit_one_line(arena, record->resource);
    ret_args[n++] = record->success ? STR("1") : STR("0");
    ret_args[n++] = audit_one_line(arena, record->correlation_id);
    ret_args[n++] = record->details.n > 0 ? audit_one_line(arena, record->details) : STR("{}");
    ret_args[n++] =
        record->count == 0 || record->count == 1 ? STR("1") : command_int(arena, record->count);
}

/* Puts the keys that lua/lib/audit_record.lua expects, in its order: pseudonym, tombstone (a key
 * that exists once the student's erasure has begun), profile. */
void audit_student_keys(struct arena *arena, struct str student,
                        struct str ret_keys[AUDIT_STUDENT_KEYS])
{
    unsigned shard = key_shard(student);

    ret_keys[0] = key_student_in_shard(arena, shard, student, STUDENT_KEY_PSEUDONYM);
    ret_keys[1] = key_student_in_shard(arena, shard, student, STUDENT_KEY_ERASED);
    ret_keys[2] = key_student_in_shard(arena, shard, student, STUDENT_KEY_PROFILE);
}

/* Makes a random text. The script derives new pseudonyms from this seed and the keys of the
 * students, because Lua in Redis has no cryptographic random numbers. */
struct str audit_seed(struct arena *arena)
{
    enum { BYTES = 16, DIGITS = 2 * BYTES };
    unsigned char bytes[BYTES];
    char *text = arena_alloc(arena, DIGITS + 1);

    if (!text)
        return (struct str){0};
    random_bytes(bytes, sizeof(bytes));
    hex_print(bytes, sizeof(bytes), text);
    return (struct str){text, DIGITS};
}

/* ---- items ---- */

/* ITEM_ARGS_MAX: most arguments for each item of audit_items.lua: mode, index of its student's
 * keys, minute, texts of the record. audit_count_reads.lua has fewer. */
enum { ITEM_ARGS_MAX = 3 + AUDIT_ARGS };

/* Puts the keys of each item's student into keys[], after the `fixed` first ones. ret_indexes[i]
 * becomes the place in KEYS, which Lua counts from 1, where the keys for item i begin; 0 for an
 * item without a student. Returns the number of keys. */
static int audit_put_students(struct arena *arena, const struct audit_item *items, size_t count,
                              int fixed, struct str *keys, int *ret_indexes)
{
    int n = fixed;

    for (size_t i = 0; i < count; i++) {
        ret_indexes[i] = 0;
        if (items[i].student.n == 0)
            continue;
        audit_student_keys(arena, items[i].student, keys + n);
        ret_indexes[i] = n + 1;
        n += AUDIT_STUDENT_KEYS;
    }
    return n;
}

/* Returns the key of the sender's mark: what the scripts store about the sender's latest command,
 * and by which they see whether it has run. */
static struct str audit_mark(struct arena *arena, const struct audit_send *send)
{
    return key_audit_mark(arena, send->shard, send->sender, send->aggregated);
}

/* Returns the key of the stream to which audit records are appended: that of the open segment or,
 * while the schema number (of the format of all records) is 1, that of schema 1. */
static struct str audit_records_key(struct arena *arena, const struct audit_send *send)
{
    return key_shard_record(arena, send->shard,
                            schema_writes_packed() ? SHARD_KEY_AUDIT_OPEN : SHARD_KEY_AUDIT);
}

/* Returns the key of the hash in which accesses are counted: that of the open segment or, while the
 * schema number is 1, that of schema 1. */
static struct str audit_counts_key(struct arena *arena, const struct audit_send *send)
{
    return key_shard_record(arena, send->shard,
                            schema_writes_packed() ? SHARD_KEY_AUDIT_COUNTS
                                                   : SHARD_KEY_AUDIT_READS);
}

/* Builds the call of audit_items.lua, which makes records of the items. argv has room for all keys
 * and arguments. While the schema number (of the format of all records) is 1, the call is that of
 * schema_1_audit_items.lua, which also gets the minute of each item. */
static struct command *audit_cmd_records(struct pipeline *pipeline, const struct audit_send *send,
                                         const struct audit_item *items, size_t count,
                                         struct str *argv)
{
    int indexes[AUDIT_ITEMS_MAX], keys, argc;

    argv[0] = audit_records_key(pipeline->arena, send);
    argv[1] = audit_counts_key(pipeline->arena, send);
    argv[2] = audit_mark(pipeline->arena, send);
    keys = audit_put_students(pipeline->arena, items, count, /* fixed */ 3, argv, indexes);
    argc = keys;
    argv[argc++] = audit_seed(pipeline->arena);
    argv[argc++] = command_int(pipeline->arena, send->number);
    for (size_t i = 0; i < count; i++, argc += AUDIT_ARGS) {
        /* mode of the item for the script: x: a refusal; n: any other */
        argv[argc++] = items[i].mode == AUDIT_DENIED ? STR("x") : STR("n");
        argv[argc++] = command_int(pipeline->arena, indexes[i]);
        if (!schema_writes_packed())
            argv[argc++] = command_int(pipeline->arena, items[i].minute);
        audit_record_args(pipeline->arena, &items[i].record, argv + argc);
    }
    return pipeline_add_script(
        pipeline, schema_writes_packed() ? &script_audit_items : &script_schema_1_audit_items, keys,
        argc, argv);
}

/* Returns the name of the field that counts this access in the hash of counts, but without its
 * first line: that is the pseudonym, which only the script knows. The other lines are, in schema 1,
 * the minute, then the texts of the record. The request's id is not part of the field, so that all
 * accesses of the same kind in a segment (of schema 1: in a minute) share the field. */
static struct str audit_read_field(struct arena *arena, const struct audit_item *item)
{
    struct str texts[AUDIT_ARGS];
    bool by_segment = schema_writes_packed();
    struct buf field;

    audit_record_args(arena, &item->record, texts);
    buf_init(&field, arena);
    (void)buf_reserve(&field, 160); /* a usual size; the buffer grows if it is not enough */
    if (!by_segment)
        buf_int(&field, item->minute);
    for (int i = 0; i < AUDIT_ARGS - 1; i++) { /* all but the last, the count */
        /* - 1: texts[] has no AUDIT_SUBJECT, which is before AUDIT_CORRELATION in the enum */
        if (i == AUDIT_CORRELATION - 1)
            continue;
        if (i > 0 || !by_segment)
            buf_char(&field, '\n');
        buf_str(&field, texts[i]);
    }
    return field.failed ? (struct str){0} : buf_view(&field);
}

/* Builds the call of audit_count_reads.lua, which only counts the items. argv has room for all keys
 * and arguments. Each item has the index in KEYS of its student's keys, 0 without a student; a
 * negative index means that the access was refused. In schema 1 the script also gets the request's
 * id. */
static struct command *audit_cmd_reads(struct pipeline *pipeline, const struct audit_send *send,
                                       const struct audit_item *items, size_t count,
                                       struct str *argv)
{
    int indexes[AUDIT_ITEMS_MAX], keys, argc;

    argv[0] = audit_counts_key(pipeline->arena, send);
    argv[1] = audit_mark(pipeline->arena, send);
    keys = audit_put_students(pipeline->arena, items, count, /* fixed */ 2, argv, indexes);
    argc = keys;
    argv[argc++] = audit_seed(pipeline->arena);
    argv[argc++] = command_int(pipeline->arena, send->number);
    for (size_t i = 0; i < count; i++) {
        argv[argc++] =
            command_int(pipeline->arena, items[i].record.success ? indexes[i] : -indexes[i]);
        argv[argc++] = command_int(pipeline->arena, items[i].record.count);
        if (!schema_writes_packed())
            argv[argc++] = audit_one_line(pipeline->arena, items[i].record.correlation_id);
        argv[argc++] = audit_read_field(pipeline->arena, &items[i]);
    }
    return pipeline_add_script(pipeline,
                               schema_writes_packed() ? &script_audit_count_reads
                                                      : &script_schema_1_audit_count_reads,
                               keys, argc, argv);
}

/* Calls audit_count_reads.lua for reads, which are only counted, else audit_items.lua. argv has
 * room for either call. */
struct command *audit_cmd_items(struct pipeline *pipeline, const struct audit_send *send,
                                const struct audit_item *items, size_t count)
{
    size_t argc_max =
        /* three keys, seed, number */ 5 + count * (AUDIT_STUDENT_KEYS + ITEM_ARGS_MAX);
    struct str *argv = arena_array(pipeline->arena, argc_max, sizeof(*argv));

    /* a script without arguments fails the pipeline */
    if (!argv || count == 0 || count > AUDIT_ITEMS_MAX)
        return pipeline_add_script(pipeline, &script_audit_items, 0, 0, NULL);
    return send->aggregated ? audit_cmd_reads(pipeline, send, items, count, argv)
                            : audit_cmd_records(pipeline, send, items, count, argv);
}

/* Sets ret_failed for the items that Redis has not recorded. Both scripts, and the fence
 * (audit_cmd_fence), reply the numbers of the items that are not recorded. An error, no reply, or
 * 0, the reply of a command that has not run, means all items. */
void audit_parse_items(const struct command *command, size_t count, bool *ret_failed)
{
    /* the number of elements is not needed: the loop skips those that are absent */
    bool known = command && reply_array(command->reply, count, &(size_t){0}) == REPLY_OK;
    int64_t item;

    for (size_t i = 0; i < count; i++)
        ret_failed[i] = !known;
    for (size_t i = 0; known && i < count; i++) {
        if (reply_int(reply_at(command->reply, i), &item) == REPLY_OK && item >= 0 &&
            (size_t)item < count)
            ret_failed[item] = true;
    }
}

struct command *audit_cmd_fence(struct pipeline *pipeline, const struct audit_send *send)
{
    return pipeline_add_script(pipeline, &script_audit_fence, 1, 2,
                               (struct str[]){audit_mark(pipeline->arena, send),
                                              command_int(pipeline->arena, send->number)});
}

/* Calls audit_pseudonym.lua. The caller needs the pseudonym before it makes a record whose actor is
 * a student other than the subject of the record. */
struct command *audit_cmd_make_pseudonym(struct pipeline *pipeline, struct str student)
{
    struct str argv[AUDIT_STUDENT_KEYS + 1];

    audit_student_keys(pipeline->arena, student, argv);
    argv[AUDIT_STUDENT_KEYS] = audit_seed(pipeline->arena);
    return pipeline_add_script(pipeline, &script_audit_pseudonym, AUDIT_STUDENT_KEYS,
                               AUDIT_STUDENT_KEYS + 1, argv);
}

struct command *audit_cmd_get_pseudonym(struct pipeline *pipeline, struct str student)
{
    struct str key = key_student(pipeline->arena, student, STUDENT_KEY_PSEUDONYM);

    return pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("GET"), key});
}

/* The local text is "" at first, because reply_expect_text_or_nil leaves it unchanged for nil.
 * *ret is set only on success. */
bool audit_parse_pseudonym(const struct command *command, struct str *ret, struct problem *p)
{
    struct str text = STR("");

    if (!reply_expect_text_or_nil(command->reply, &text, p))
        return false;
    *ret = text;
    return true;
}

/* ---- reading ---- */

/* Returns the key of the shard's stream of audit records: that of the open segment, or that of
 * schema 1. */
static struct str audit_stream_key(struct arena *arena, enum audit_stream stream, unsigned shard)
{
    return key_shard_record(arena, shard,
                            stream == AUDIT_STREAM_OPEN ? SHARD_KEY_AUDIT_OPEN : SHARD_KEY_AUDIT);
}

struct command *audit_cmd_range(struct pipeline *pipeline, enum audit_stream stream, unsigned shard,
                                struct str from, struct str to, int count)
{
    struct str key = audit_stream_key(pipeline->arena, stream, shard);

    return stream_cmd_range(pipeline, key, from, to, count);
}

struct command *audit_cmd_newest(struct pipeline *pipeline, enum audit_stream stream,
                                 unsigned shard, struct str before, int count)
{
    struct str key = audit_stream_key(pipeline->arena, stream, shard);

    return stream_cmd_newest(pipeline, key, before, count);
}

struct command *audit_cmd_count(struct pipeline *pipeline, enum audit_stream stream, unsigned shard)
{
    struct str key = audit_stream_key(pipeline->arena, stream, shard);

    return pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("XLEN"), key});
}

/* Parses one entry of a stream of audit records. An entry with other fields than audit_field_names,
 * which only another program can have written, is returned as invalid and with empty texts, so that
 * a verification can report it. */
static void audit_parse_entry(const struct stream_entry *from, struct audit_entry *ret)
{
    *ret = (struct audit_entry){.id = from->id};
    ret->valid = stream_match_fields(from, audit_field_names, AUDIT_FIELDS, ret->v);
    for (size_t i = 0; i < AUDIT_FIELDS && !ret->valid; i++)
        ret->v[i] = STR("");
}

/* An entry with other fields than those of a record is returned as invalid. An element that is
 * no stream entry at all makes the whole reply fail with INTERNAL_ERROR. */
bool audit_parse_entries(const struct command *command, size_t max, struct audit_entry *ret_entries,
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
        audit_parse_entry(&entry, &ret_entries[i]);
    }
    *ret_count = n;
    return true;
}

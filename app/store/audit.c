/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/audit.h"

#include "app/base/buf.h"
#include "app/base/ids.h"
#include "app/store/keys.h"

static const struct str field_names[AUDIT_FIELDS] = {
    [AUDIT_ACTOR] = STR_INIT("a"),       [AUDIT_ROLE] = STR_INIT("r"),
    [AUDIT_ACTION] = STR_INIT("t"),      [AUDIT_RESOURCE] = STR_INIT("o"),
    [AUDIT_SUBJECT] = STR_INIT("w"),     [AUDIT_SUCCESS] = STR_INIT("s"),
    [AUDIT_CORRELATION] = STR_INIT("c"), [AUDIT_DETAILS] = STR_INIT("d"),
    [AUDIT_COUNT] = STR_INIT("n"),
};

/* ---- making ---- */

/* Ours have none; what a client says might, and a line break would end a field. */
static struct str one_line(struct arena *arena, struct str s)
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

static struct str int_text(struct arena *arena, int64_t n)
{
    struct buf text;

    buf_init(&text, arena);
    buf_int(&text, n);
    return text.failed ? (struct str){0} : buf_view(&text);
}

void audit_record_args(struct arena *arena, const struct audit_record *record,
                       struct str ret_args[AUDIT_ARGS])
{
    int n = 0;

    ret_args[n++] = one_line(arena, record->actor);
    ret_args[n++] = one_line(arena, record->role);
    ret_args[n++] = one_line(arena, record->action);
    ret_args[n++] = one_line(arena, record->resource);
    ret_args[n++] = record->success ? STR("1") : STR("0");
    ret_args[n++] = one_line(arena, record->correlation_id);
    ret_args[n++] = record->details.n > 0 ? one_line(arena, record->details) : STR("{}");
    ret_args[n++] =
        record->count == 0 || record->count == 1 ? STR("1") : int_text(arena, record->count);
}

void audit_student_keys(struct arena *arena, struct str student,
                        struct str ret_keys[AUDIT_STUDENT_KEYS])
{
    unsigned shard = key_shard(student);

    ret_keys[0] = key_student_in_shard(arena, shard, student, STUDENT_KEY_PSEUDONYM);
    ret_keys[1] = key_student_in_shard(arena, shard, student, STUDENT_KEY_ERASED);
    ret_keys[2] = key_student_in_shard(arena, shard, student, STUDENT_KEY_PROFILE);
}

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

void audit_cmd_add(struct pipeline *a, unsigned shard, const struct audit_record *record)
{
    const struct audit_item item = {.record = *record, .student = STR(""), .mode = AUDIT_IMMEDIATE};

    (void)audit_cmd_items(a, shard, &item, 1);
}

/* ---- notes ---- */

enum { ITEM_ARGS = 3 + AUDIT_ARGS, COUNT_ARGS = 4 };

/* The keys of each item's student behind the fixed ones, and where they stand, from 1; 0 for an
 * item without. Returns how many keys there are then. */
static int add_students(struct arena *arena, const struct audit_item *items, size_t count,
                        int fixed, struct str *keys, int *ret_places)
{
    int n = fixed;

    for (size_t i = 0; i < count; i++) {
        ret_places[i] = 0;
        if (items[i].student.n == 0)
            continue;
        audit_student_keys(arena, items[i].student, keys + n);
        ret_places[i] = n + 1;
        n += AUDIT_STUDENT_KEYS;
    }
    return n;
}

static struct command *ask_records(struct pipeline *a, unsigned shard,
                                   const struct audit_item *items, size_t count, struct str *argv)
{
    int places[AUDIT_ITEMS_MAX], keys, argc;

    argv[0] = key_shard_record(a->arena, shard, SHARD_KEY_AUDIT);
    argv[1] = key_shard_record(a->arena, shard, SHARD_KEY_AUDIT_READS);
    keys = add_students(a->arena, items, count, 2, argv, places);
    argc = keys;
    argv[argc++] = audit_seed(a->arena);
    for (size_t i = 0; i < count; i++, argc += ITEM_ARGS) {
        argv[argc] = items[i].mode == AUDIT_DENIED ? STR("x") : STR("n");
        argv[argc + 1] = int_text(a->arena, places[i]);
        argv[argc + 2] = int_text(a->arena, items[i].minute);
        audit_record_args(a->arena, &items[i].record, argv + argc + 3);
    }
    return pipeline_add_script(a, &script_audit_items, keys, argc, argv);
}

static struct str field_of(struct arena *arena, const struct audit_item *item)
{
    struct str texts[AUDIT_ARGS];
    struct buf field;

    audit_record_args(arena, &item->record, texts);
    buf_init(&field, arena);
    (void)buf_reserve(&field, 160);
    buf_int(&field, item->minute);
    for (int i = 0; i < AUDIT_ARGS - 1; i++) {
        if (i == AUDIT_CORRELATION - 1) /* it stands in the value, and whom in front */
            continue;
        buf_char(&field, '\n');
        buf_str(&field, texts[i]);
    }
    return field.failed ? (struct str){0} : buf_view(&field);
}

static struct command *ask_counts(struct pipeline *a, unsigned shard,
                                  const struct audit_item *items, size_t count, struct str *argv)
{
    int places[AUDIT_ITEMS_MAX], keys, argc;

    argv[0] = key_shard_record(a->arena, shard, SHARD_KEY_AUDIT_READS);
    keys = add_students(a->arena, items, count, 1, argv, places);
    argc = keys;
    argv[argc++] = audit_seed(a->arena);
    for (size_t i = 0; i < count; i++, argc += COUNT_ARGS) {
        argv[argc] = int_text(a->arena, items[i].record.success ? places[i] : -places[i]);
        argv[argc + 1] = int_text(a->arena, items[i].record.count);
        argv[argc + 2] = one_line(a->arena, items[i].record.correlation_id);
        argv[argc + 3] = field_of(a->arena, &items[i]);
    }
    return pipeline_add_script(a, &script_audit_count_reads, keys, argc, argv);
}

struct command *audit_cmd_items(struct pipeline *a, unsigned shard, const struct audit_item *items,
                                size_t count)
{
    size_t most = 3 + count * (AUDIT_STUDENT_KEYS + ITEM_ARGS);
    struct str *argv = arena_array(a->arena, most, sizeof(*argv));

    if (!argv || count == 0 || count > AUDIT_ITEMS_MAX) {
        a->failed = true;
        return pipeline_add_script(a, &script_audit_items, 0, 0, NULL);
    }
    return items[0].mode == AUDIT_AGGREGATED ? ask_counts(a, shard, items, count, argv)
                                             : ask_records(a, shard, items, count, argv);
}

bool audit_parse_items(const struct command *command, struct problem *p)
{
    int64_t done;

    if (reply_int(command->reply, &done) == REPLY_OK)
        return true;
    reply_problem(command->reply, p);
    return false;
}

struct command *audit_cmd_make_pseudonym(struct pipeline *a, struct str student)
{
    struct str argv[AUDIT_STUDENT_KEYS + 1];

    audit_student_keys(a->arena, student, argv);
    argv[AUDIT_STUDENT_KEYS] = audit_seed(a->arena);
    return pipeline_add_script(a, &script_audit_pseudonym, AUDIT_STUDENT_KEYS,
                               AUDIT_STUDENT_KEYS + 1, argv);
}

struct command *audit_cmd_get_pseudonym(struct pipeline *a, struct str student)
{
    struct str key = key_student(a->arena, student, STUDENT_KEY_PSEUDONYM);

    return pipeline_add(a, COMMAND_READ, 2, (struct str[]){STR("GET"), key});
}

bool audit_parse_pseudonym(const struct command *command, struct str *ret, struct problem *p)
{
    struct str text = STR("");

    if (reply_text(command->reply, &text) == REPLY_ERROR) {
        reply_problem(command->reply, p);
        return false;
    }
    *ret = text;
    return true;
}

/* ---- reading ---- */

struct command *audit_cmd_range(struct pipeline *a, unsigned shard, struct str from, struct str to,
                                int count)
{
    struct str argv[] = {STR("XRANGE"), key_shard_record(a->arena, shard, SHARD_KEY_AUDIT),
                         from,          to,
                         STR("COUNT"),  arena_printf(a->arena, "%d", count)};

    return pipeline_add(a, COMMAND_READ, 6, argv);
}

struct command *audit_cmd_newest(struct pipeline *a, unsigned shard, struct str before, int count)
{
    struct str argv[] = {STR("XREVRANGE"), key_shard_record(a->arena, shard, SHARD_KEY_AUDIT),
                         before,           STR("-"),
                         STR("COUNT"),     arena_printf(a->arena, "%d", count)};

    return pipeline_add(a, COMMAND_READ, 6, argv);
}

struct command *audit_cmd_count(struct pipeline *a, unsigned shard)
{
    struct str key = key_shard_record(a->arena, shard, SHARD_KEY_AUDIT);

    return pipeline_add(a, COMMAND_READ, 2, (struct str[]){STR("XLEN"), key});
}

static void read_entry(const struct stream_entry *from, struct audit_entry *ret)
{
    *ret = (struct audit_entry){.id = from->id};
    ret->valid = stream_match_fields(from, field_names, AUDIT_FIELDS, ret->v);
    for (size_t i = 0; i < AUDIT_FIELDS && !ret->valid; i++)
        ret->v[i] = STR("");
}

bool audit_parse_entries(const struct command *command, size_t max, struct audit_entry *ret_entries,
                         size_t *ret_count, struct problem *p)
{
    struct stream_entry entry;
    size_t n;

    if (reply_array(command->reply, max, &n) != REPLY_OK) {
        reply_problem(command->reply, p);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!stream_entry_parse(reply_at(command->reply, i), &entry)) {
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
            return false;
        }
        read_entry(&entry, &ret_entries[i]);
    }
    *ret_count = n;
    return true;
}

/* ---- counted reads ---- */

struct command *audit_cmd_scan_reads(struct pipeline *a, unsigned shard, struct str cursor)
{
    struct str key = key_shard_record(a->arena, shard, SHARD_KEY_AUDIT_READS);

    return pipeline_add(a, COMMAND_READ, 5,
                        (struct str[]){STR("HSCAN"), key, cursor, STR("COUNT"), STR("100")});
}

/* As the script writes them. */
static bool read_count(struct str field, struct str value, struct audit_counted_read *ret)
{
    struct audit_record *r = &ret->record;
    struct str minute, success;

    ret->subject = str_cut(&field, '\n');
    minute = str_cut(&field, '\n');
    r->actor = str_cut(&field, '\n');
    r->role = str_cut(&field, '\n');
    r->action = str_cut(&field, '\n');
    r->resource = str_cut(&field, '\n');
    success = str_cut(&field, '\n');
    r->success = str_equal(success, STR("1"));
    r->details = field;
    if (!str_to_int64(minute, 0, INT64_MAX / 60000, &ret->minute) || field.n < 2 ||
        field.p[0] != '{' || memchr(field.p, '\n', field.n) ||
        !str_to_int64(str_cut(&value, ' '), 0, INT64_MAX, &r->count))
        return false;
    r->correlation_id = value;
    return true;
}

bool audit_parse_reads(const struct command *command, size_t max, struct str *ret_cursor,
                       struct audit_counted_read *ret_reads, size_t *ret_count, struct problem *p)
{
    const redisReply *list = reply_at(command->reply, 1);
    size_t n, count = 0;

    if (reply_text(reply_at(command->reply, 0), ret_cursor) != REPLY_OK ||
        reply_array(list, 2 * max, &n) != REPLY_OK) {
        reply_problem(command->reply, p);
        return false;
    }
    for (size_t i = 0; i + 1 < n; i += 2, count++) {
        struct audit_counted_read *r = &ret_reads[count];

        *r = (struct audit_counted_read){0};
        if (reply_text(reply_at(list, i), &r->field) == REPLY_OK &&
            reply_text(reply_at(list, i + 1), &r->value) == REPLY_OK)
            r->valid = read_count(r->field, r->value, r);
    }
    *ret_count = count;
    return true;
}

struct command *audit_cmd_aggregate(struct pipeline *a, unsigned shard, struct str holder,
                                    const struct audit_counted_read *reads, size_t count)
{
    enum { KEYS = 3, ARGS = 3 + AUDIT_ARGS };
    struct str *argv = arena_array(a->arena, KEYS + 1 + count * ARGS, sizeof(*argv));
    int argc = KEYS + 1;

    if (!argv) {
        a->failed = true;
        return pipeline_add_script(a, &script_audit_aggregate, 0, 0, NULL);
    }
    argv[0] = key_shard_record(a->arena, shard, SHARD_KEY_LEASE);
    argv[1] = key_shard_record(a->arena, shard, SHARD_KEY_AUDIT_READS);
    argv[2] = key_shard_record(a->arena, shard, SHARD_KEY_AUDIT);
    argv[3] = holder;
    for (size_t i = 0; i < count; i++, argc += ARGS) {
        argv[argc] = reads[i].field;
        argv[argc + 1] = reads[i].value;
        argv[argc + 2] = reads[i].subject;
        audit_record_args(a->arena, &reads[i].record, argv + argc + 3);
        if (reads[i].record.count == 0) /* a refusal that has come once: it is recorded already */
            argv[argc + ARGS - 1] = STR("0");
    }
    return pipeline_add_script(a, &script_audit_aggregate, KEYS, argc, argv);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the entries of a shard's journal (changes that the worker has not processed yet) and builds
 * the arguments of the script journal_process.lua, which processes them. The keys of a student who
 * has several entries are passed once. */
#include "app/store/journal.h"

#include "app/store/keys.h"
#include "app/store/lease.h"
#include "app/store/schema.h"

/* Numbers of keys and arguments of journal_process.lua: FIXED_... occur once in each call,
 * STUDENT_... once for each student, ENTRY_... once for each entry. */
enum {
    FIXED_KEYS = 6,
    STUDENT_KEYS_MAX = 1 + AUDIT_STUDENT_KEYS,
    FIXED_ARGS = 5,
    ENTRY_ARGS_MAX = 5 + AUDIT_ARGS + 2 * JOURNAL_MESSAGES_MAX,
    ARGC_MAX = FIXED_KEYS + FIXED_ARGS + JOURNAL_ENTRIES_MAX * (STUDENT_KEYS_MAX + ENTRY_ARGS_MAX),
};

struct command *journal_cmd_oldest(struct pipeline *pipeline, unsigned shard)
{
    struct str key = key_shard_record(pipeline->arena, shard, SHARD_KEY_JOURNAL);

    return stream_cmd_range(pipeline, key, STR("-"), STR("+"), JOURNAL_ENTRIES_MAX);
}

/* Reads the only field of each entry, `e`. When it is absent, the text stays empty. */
bool journal_parse(const struct command *command, struct journal_record *ret_records,
                   size_t *ret_count, struct problem *p)
{
    struct stream_entry entries[JOURNAL_ENTRIES_MAX];
    size_t n;

    if (stream_parse(command->reply, JOURNAL_ENTRIES_MAX, entries, &n) != REPLY_OK) {
        reply_problem(command->reply, p);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        ret_records[i] = (struct journal_record){.id = entries[i].id, .text = STR("")};
        (void)stream_field(&entries[i], STR("e"), &ret_records[i].text); /* may be absent */
    }
    *ret_count = n;
    return true;
}

/* Returns the index in KEYS (Lua counts from 1) of the first key of the student; 0 when `student`
 * is empty. Unless an earlier entry has done so, appends the student's keys to `keys` and increases
 * *count. A linear search is enough for at most JOURNAL_ENTRIES_MAX students. */
static int journal_put_student(struct pipeline *pipeline, struct str student, struct str *keys,
                               int *count)
{
    struct str events_key;

    if (student.n == 0)
        return 0;
    /* The key of the student's events comes first and identifies the student. */
    events_key = key_student(pipeline->arena, student, STUDENT_KEY_EVENTS);
    for (int i = FIXED_KEYS; events_key.p && i < *count; i += STUDENT_KEYS_MAX) {
        if (str_equal(keys[i], events_key))
            return i + 1;
    }
    keys[*count] = events_key;
    audit_student_keys(pipeline->arena, student, keys + *count + 1);
    *count += STUDENT_KEYS_MAX;
    return *count - STUDENT_KEYS_MAX + 1;
}

/* Writes the arguments of one entry for the script to args, and returns their number.
 * student_index: index in KEYS (from 1) of the student's first key; 0 when the entry could not be
 * parsed, and is only deleted. */
static int journal_put_entry(struct pipeline *pipeline, const struct journal_effects *effects,
                             int student_index, struct str *args)
{
    bool is_counted = effects->is_counted && schema_writes_packed();
    struct audit_record audit = effects->audit;
    int n = 0;

    /* the record of a counted change lacks what differs from one change to the next */
    if (is_counted)
        audit.details = STR("");
    args[n++] = effects->id;
    args[n++] = command_int(pipeline->arena, student_index);
    args[n++] = effects->student_event;
    audit_record_args(pipeline->arena, &audit, args + n);
    n += AUDIT_ARGS;
    args[n++] = is_counted ? STR("1") : STR("0");
    args[n++] = command_int(pipeline->arena, (int64_t)effects->message_count);
    for (size_t i = 0; i < effects->message_count; i++) {
        args[n++] = effects->messages[i].event;
        args[n++] = effects->messages[i].traceparent;
    }
    return n;
}

/* Builds KEYS and ARGV of journal_process.lua: the shard's keys, the keys of each student, the
 * fixed arguments, the arguments of each entry. The fixed arguments are: holder of the lease, time
 * (epoch ms) of the oldest event to leave in a stream, expiry of the stream (ms), seed for
 * pseudonyms, whether packed forms are written. */
struct command *journal_cmd_process(struct pipeline *pipeline, unsigned shard, struct str holder,
                                    const struct journal_effects *effects, size_t count,
                                    int64_t now_ms, int64_t event_age_max_ms)
{
    struct str *argv = arena_array(pipeline->arena, ARGC_MAX, sizeof(*argv));
    int student_indexes[JOURNAL_ENTRIES_MAX], keys = FIXED_KEYS, argc;

    if (!argv) /* out of memory: a script without arguments fails the pipeline */
        return pipeline_add_script(pipeline, &script_journal_process, 0, 0, NULL);
    argv[0] = key_shard_record(pipeline->arena, shard, SHARD_KEY_LEASE);
    argv[1] = key_shard_record(pipeline->arena, shard, SHARD_KEY_JOURNAL);
    argv[2] = key_shard_record(pipeline->arena, shard, SHARD_KEY_OUTBOX);
    argv[3] = key_shard_record(pipeline->arena, shard,
                               schema_writes_packed() ? SHARD_KEY_AUDIT_OPEN : SHARD_KEY_AUDIT);
    argv[4] = key_shard_record(pipeline->arena, shard, SHARD_KEY_AUDIT_COUNTS);
    argv[5] = key_shard_record(pipeline->arena, shard, SHARD_KEY_RETENTION);
    for (size_t i = 0; i < count; i++)
        student_indexes[i] = journal_put_student(pipeline, effects[i].student, argv, &keys);
    argc = keys;
    argv[argc++] = holder;
    argv[argc++] = command_int(pipeline->arena, (now_ms - event_age_max_ms));
    argv[argc++] = command_int(pipeline->arena, event_age_max_ms);
    argv[argc++] = audit_seed(pipeline->arena);
    argv[argc++] = schema_writes_packed() ? STR("1") : STR("0");
    for (size_t i = 0; i < count; i++)
        argc += journal_put_entry(pipeline, &effects[i], student_indexes[i], argv + argc);
    return pipeline_add_script(pipeline, &script_journal_process, keys, argc, argv);
}

/* The reply is [number, index, index, ...]: how many entries were processed, then the indexes (from
 * 0) of those that the script could not use. */
bool journal_parse_processed(const struct command *command, int64_t *ret_processed,
                             bool *ret_unusable, struct problem *p)
{
    int64_t entry;
    size_t n;

    memset(ret_unusable, 0, JOURNAL_ENTRIES_MAX * sizeof(*ret_unusable));
    if (!reply_expect_array(command->reply, 1 + JOURNAL_ENTRIES_MAX, &n, p) ||
        !reply_expect_int(reply_at(command->reply, 0), ret_processed, p))
        return false;
    for (size_t i = 1; i < n; i++) {
        if (reply_int(reply_at(command->reply, i), &entry) == REPLY_OK && entry >= 0 &&
            entry < JOURNAL_ENTRIES_MAX)
            ret_unusable[entry] = true;
    }
    return true;
}

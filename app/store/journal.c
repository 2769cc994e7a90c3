/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads journal entries and builds the arguments of journal_process.lua. Keys of a student that has
 * several entries are passed once. */
#include "app/store/journal.h"

#include "app/store/keys.h"
#include "app/store/lease.h"

enum {
    FIXED_KEYS = 4,
    STUDENT_KEYS_MAX = 1 + AUDIT_STUDENT_KEYS,
    FIXED_ARGS = 4,
    ENTRY_ARGS_MAX = 4 + AUDIT_ARGS + 2 * JOURNAL_MESSAGES_MAX,
    ARGC_MAX = FIXED_KEYS + FIXED_ARGS + JOURNAL_ENTRIES_MAX * (STUDENT_KEYS_MAX + ENTRY_ARGS_MAX),
};

struct command *journal_cmd_oldest(struct pipeline *pipeline, unsigned shard)
{
    struct str key = key_shard_record(pipeline->arena, shard, SHARD_KEY_JOURNAL);

    return stream_cmd_range(pipeline, key, STR("-"), STR("+"), JOURNAL_ENTRIES_MAX);
}

/* Entries have one field, e. */
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
        (void)stream_field(&entries[i], STR("e"), &ret_records[i].text);
    }
    *ret_count = n;
    return true;
}

/* The index, from 1, of the student's keys, which are appended if they are not among `keys` yet; 0:
 * no student. */
static int journal_put_student(struct pipeline *pipeline, struct str student, struct str *keys,
                               int *count)
{
    struct str key;

    if (student.n == 0)
        return 0;
    key = key_student(pipeline->arena, student, STUDENT_KEY_EVENTS);
    for (int k = FIXED_KEYS; key.p && k < *count; k += STUDENT_KEYS_MAX) {
        if (str_equal(keys[k], key))
            return k + 1;
    }
    keys[*count] = key;
    audit_student_keys(pipeline->arena, student, keys + *count + 1);
    *count += STUDENT_KEYS_MAX;
    return *count - STUDENT_KEYS_MAX + 1;
}

/* Puts the arguments of one entry. Returns how many. */
static int journal_put_entry(struct pipeline *pipeline, const struct journal_effects *effects,
                             int index, struct str *args)
{
    int n = 0;

    args[n++] = effects->id;
    args[n++] = command_int(pipeline->arena, index);
    args[n++] = effects->student_event;
    audit_record_args(pipeline->arena, &effects->audit, args + n);
    n += AUDIT_ARGS;
    args[n++] = command_int(pipeline->arena, (int64_t)effects->message_count);
    for (size_t i = 0; i < effects->message_count; i++) {
        args[n++] = effects->messages[i].event;
        args[n++] = effects->messages[i].traceparent;
    }
    return n;
}

/* KEYS and ARGV of journal_process.lua. */
struct command *journal_cmd_process(struct pipeline *pipeline, unsigned shard, struct str holder,
                                    const struct journal_effects *effects, size_t count,
                                    int64_t now_ms, int64_t event_age_max_ms)
{
    struct str *argv = arena_array(pipeline->arena, ARGC_MAX, sizeof(*argv));
    int indexes[JOURNAL_ENTRIES_MAX], keys = FIXED_KEYS, argc;

    if (!argv) /* no arguments fail the pipeline */
        return pipeline_add_script(pipeline, &script_journal_process, 0, 0, NULL);
    argv[0] = key_shard_record(pipeline->arena, shard, SHARD_KEY_LEASE);
    argv[1] = key_shard_record(pipeline->arena, shard, SHARD_KEY_JOURNAL);
    argv[2] = key_shard_record(pipeline->arena, shard, SHARD_KEY_OUTBOX);
    argv[3] = key_shard_record(pipeline->arena, shard, SHARD_KEY_AUDIT);
    for (size_t i = 0; i < count; i++)
        indexes[i] = journal_put_student(pipeline, effects[i].student, argv, &keys);
    argc = keys;
    argv[argc++] = holder;
    argv[argc++] = command_int(pipeline->arena, (now_ms - event_age_max_ms));
    argv[argc++] = command_int(pipeline->arena, event_age_max_ms);
    argv[argc++] = audit_seed(pipeline->arena);
    for (size_t i = 0; i < count; i++)
        argc += journal_put_entry(pipeline, &effects[i], indexes[i], argv + argc);
    return pipeline_add_script(pipeline, &script_journal_process, keys, argc, argv);
}

bool journal_parse_processed(const struct command *command, int64_t *ret_processed,
                             struct problem *p)
{
    return reply_expect_int(command->reply, ret_processed, p);
}

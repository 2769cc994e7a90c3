/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/journal.h"

#include "app/store/keys.h"
#include "app/store/lease.h"

enum {
    FIXED_KEYS = 4,
    STUDENT_KEYS_MAX = 1 + AUDIT_STUDENT_KEYS,
    FIXED_ARGS = 4,
    ARGS_A_TURN = 4 + AUDIT_ARGS + 2 * JOURNAL_MESSAGES_MAX,
    ARGC_MAX = FIXED_KEYS + FIXED_ARGS + JOURNAL_ENTRIES_MAX * (STUDENT_KEYS_MAX + ARGS_A_TURN),
};

struct command *journal_cmd_oldest(struct pipeline *a, unsigned shard)
{
    struct str argv[] = {STR("XRANGE"), key_shard_record(a->arena, shard, SHARD_KEY_JOURNAL),
                         STR("-"),      STR("+"),
                         STR("COUNT"),  arena_printf(a->arena, "%d", JOURNAL_ENTRIES_MAX)};

    return pipeline_add(a, COMMAND_READ, 6, argv);
}

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

/* The place, from 1, of that student's keys; a new student's are put behind them. */
static int place_of_student(struct pipeline *a, struct str student, struct str *keys, int *count)
{
    struct str key;

    if (student.n == 0)
        return 0;
    key = key_student(a->arena, student, STUDENT_KEY_EVENTS);
    for (int k = FIXED_KEYS; key.p && k < *count; k += STUDENT_KEYS_MAX) {
        if (str_equal(keys[k], key))
            return k + 1;
    }
    keys[*count] = key;
    audit_student_keys(a->arena, student, keys + *count + 1);
    *count += STUDENT_KEYS_MAX;
    return *count - STUDENT_KEYS_MAX + 1;
}

static int fill_turn(struct pipeline *a, const struct journal_effects *turn, int place,
                     struct str *args)
{
    int n = 0;

    args[n++] = turn->id;
    args[n++] = arena_printf(a->arena, "%d", place);
    args[n++] = turn->student_event;
    audit_record_args(a->arena, &turn->audit, args + n);
    n += AUDIT_ARGS;
    args[n++] = arena_printf(a->arena, "%zu", turn->message_count);
    for (size_t i = 0; i < turn->message_count; i++) {
        args[n++] = turn->messages[i].event;
        args[n++] = turn->messages[i].traceparent;
    }
    return n;
}

struct command *journal_cmd_process(struct pipeline *a, unsigned shard, struct str holder,
                                    const struct journal_effects *turns, size_t count,
                                    int64_t now_ms, int64_t event_age_max_ms)
{
    struct str *argv = arena_array(a->arena, ARGC_MAX, sizeof(*argv));
    int places[JOURNAL_ENTRIES_MAX], keys = FIXED_KEYS, argc;

    if (!argv) {
        a->failed = true;
        return pipeline_add_script(a, &script_journal_process, 0, 0, NULL);
    }
    argv[0] = key_shard_record(a->arena, shard, SHARD_KEY_LEASE);
    argv[1] = key_shard_record(a->arena, shard, SHARD_KEY_JOURNAL);
    argv[2] = key_shard_record(a->arena, shard, SHARD_KEY_OUTBOX);
    argv[3] = key_shard_record(a->arena, shard, SHARD_KEY_AUDIT);
    for (size_t i = 0; i < count; i++)
        places[i] = place_of_student(a, turns[i].student, argv, &keys);
    argc = keys;
    argv[argc++] = holder;
    argv[argc++] = arena_printf(a->arena, "%lld", (long long)(now_ms - event_age_max_ms));
    argv[argc++] = arena_printf(a->arena, "%lld", (long long)event_age_max_ms);
    argv[argc++] = audit_seed(a->arena);
    for (size_t i = 0; i < count; i++)
        argc += fill_turn(a, &turns[i], places[i], argv + argc);
    return pipeline_add_script(a, &script_journal_process, keys, argc, argv);
}

bool journal_parse_processed(const struct command *command, int64_t *ret_turned, struct problem *p)
{
    if (reply_int(command->reply, ret_turned) == REPLY_OK)
        return true;
    reply_problem(command->reply, p);
    return false;
}

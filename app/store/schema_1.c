/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The forms of 0.1.0 of what a change writes. Readers are in student_days.c and student_marks.c. */
#include "app/store/schema_1.h"

#include "app/base/clock.h"
#include "app/store/keys.h"
#include "app/store/schema.h"

/* A function that makes one key for each of `count` days: key_schema_1_days or
 * key_schema_1_openings. */
typedef bool day_keys(struct arena *arena, struct str student, int32_t first, int count,
                      struct str *ret_keys);

/* Positions in the keys and arguments of schema_1_student_change.lua, while entries, snapshots and
 * openings of a change are added. A snapshot or opening has one key and two arguments, its state
 * and its expiry. */
struct day_writer {
    struct pipeline *pipeline;
    struct str student;
    struct str *next_key, *next_arg; /* where the next key and the next argument are written */
};

/* The first arguments of schema_1_student_change.lua, by their position; entries and records of
 * days follow. */
enum {
    ARG_EXPECTED,    /* packed state from which the change was computed */
    ARG_NEW_STATE,   /* packed */
    ARG_RESULT,      /* the MasteryResult as JSON */
    ARG_ENTRY_COUNT, /* number of entries that follow */
    ARG_NOW_MS,      /* empty: no entry has topics */
    ARG_LATEST_MS,   /* latest time that may be stored with topics; empty: no entry has topics */
    FIXED_ARGS
};

/* Adds the key and the two arguments of one day's record: a snapshot or an opening, depending on
 * the function make_key. `packed` is its state. The record expires when no event of the day is
 * accepted any more, which is 90 times 24 hours after the end of the day. */
static void schema_1_put_day(struct day_writer *writer, day_keys *make_key, int32_t day,
                             struct str packed)
{
    struct arena *arena = writer->pipeline->arena;

    if (!make_key(arena, writer->student, day, 1, writer->next_key++))
        writer->pipeline->failed = true;
    *writer->next_arg++ = packed;
    *writer->next_arg++ = command_int(arena, day_start_ms(day + HISTORY_DAYS + 1) / 1000);
}

/* Adds a snapshot (closing state) for each day of a change and, for a day whose day before has
 * none, its opening: the state with which it began. `packed` is the last snapshot, the current
 * state, which the caller has packed already. */
static void schema_1_put_days(struct day_writer *writer, const struct student_change *change,
                              struct str packed)
{
    const struct mastery_state *before = change->base;

    for (size_t i = 0; i < change->day_count; i++) {
        const struct mastery_state *state = &change->days[i];

        schema_1_put_day(writer, key_schema_1_days, state->day,
                         i == change->day_count - 1 ? packed
                                                    : student_pack(writer->pipeline->arena, state));
        if (before && before->day + 1 < state->day)
            schema_1_put_day(writer, key_schema_1_openings, state->day,
                             student_pack(writer->pipeline->arena, before));
        before = state;
    }
}

/* Adds the entries, four arguments each: journal entry, id of the event, mark as "DAY TEXT", packed
 * topics; "" for what an entry does not have. Returns whether one of them has topics. */
static bool schema_1_put_entries(struct day_writer *writer, const struct student_change *change)
{
    bool has_topics = false;

    for (size_t i = 0; i < change->entry_count; i++) {
        const struct student_entry *entry = &change->entries[i];

        *writer->next_arg++ = entry->journal;
        *writer->next_arg++ = entry->event_id.p ? entry->event_id : STR("");
        *writer->next_arg++ = entry->event_id.p
                                  ? arena_printf(writer->pipeline->arena, "%d %.*s",
                                                 (int)entry->event_day, STR_ARG(entry->mark))
                                  : STR("");
        *writer->next_arg++ = entry->topics.p ? entry->topics : STR("");
        has_topics = has_topics || entry->topics.p;
    }
    return has_topics;
}

/* Queues the script schema_1_student_change. Its keys are profile, tombstone (key that exists once
 * the student's erasure has begun), journal, marks, fence, and one per snapshot and opening. Its
 * arguments are expected state, new state, result, number of entries, two times for topics, then
 * four per entry, and two per snapshot and opening. The arguments are collected in a second array,
 * because their place is after the last key, and the number of keys is known only at the end. */
struct command *schema_1_cmd_change(struct pipeline *pipeline, const struct student_change *change,
                                    struct str packed)
{
    enum { FIXED_KEYS = 5, ENTRY_ARGS = 4 };
    struct arena *arena = pipeline->arena;
    size_t records_max = 2 * change->day_count; /* snapshots and openings */
    size_t args_max = FIXED_ARGS + ENTRY_ARGS * change->entry_count + 2 * records_max;
    struct str *argv = arena_array(arena, FIXED_KEYS + records_max + args_max, sizeof(*argv));
    struct str *args = arena_array(arena, args_max, sizeof(*args));
    struct day_writer writer = {.pipeline = pipeline, .student = change->student};
    bool has_topics;
    ptrdiff_t key_count, arg_count;

    if (!argv || !args) /* a command without arguments marks the pipeline as failed */
        return pipeline_add_script(pipeline, &script_schema_1_student_change, 0, 0, NULL);
    argv[0] = key_student(arena, change->student, STUDENT_KEY_PROFILE);
    argv[1] = key_student(arena, change->student, STUDENT_KEY_ERASED);
    argv[2] = key_journal(arena, change->student);
    argv[3] = key_student(arena, change->student, STUDENT_KEY_SCHEMA_1_MARKS);
    argv[4] = key_shard_record(arena, key_shard(change->student), SHARD_KEY_SCHEMA);
    args[ARG_EXPECTED] = change->expected;
    args[ARG_NEW_STATE] = packed;
    args[ARG_RESULT] = change->result_json;
    args[ARG_ENTRY_COUNT] = command_int(arena, (int64_t)change->entry_count);
    writer.next_key = argv + FIXED_KEYS;
    writer.next_arg = args + FIXED_ARGS;
    has_topics = schema_1_put_entries(&writer, change);
    args[ARG_NOW_MS] = has_topics ? command_int(arena, change->now_ms) : STR("");
    args[ARG_LATEST_MS] =
        has_topics ? command_int(arena, change->now_ms + STATE_AHEAD_MAX_MS) : STR("");
    schema_1_put_days(&writer, change, packed);
    key_count = writer.next_key - argv;
    arg_count = writer.next_arg - args;
    memcpy(writer.next_key, args, (size_t)arg_count * sizeof(*args));
    return pipeline_add_script(pipeline, &script_schema_1_student_change, (int)key_count,
                               (int)(key_count + arg_count), argv);
}

/* Scans one page of the hash. Each page has about 500 marks, because Redis runs nothing else while
 * a script runs. */
struct command *schema_1_cmd_trim_marks(struct pipeline *pipeline, struct str key,
                                        struct str cursor, int32_t oldest)
{
    return pipeline_add_script(
        pipeline, &script_schema_1_trim_marks, 1, 4,
        (struct str[]){key, cursor, STR("500"), command_int(pipeline->arena, (int)oldest)});
}

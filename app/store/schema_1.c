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
    struct str *key, *arg; /* the next key and the next argument to fill in */
};

/* Adds the snapshot or opening (by `keys`) of a day, whose state is `packed`. It expires when no
 * event of the day is accepted any more, which is 90 times 24 hours after the end of the day. */
static void schema_1_put_day(struct day_writer *w, day_keys *keys, int32_t day, struct str packed)
{
    struct arena *arena = w->pipeline->arena;

    if (!keys(arena, w->student, day, 1, w->key++))
        w->pipeline->failed = true;
    *w->arg++ = packed;
    *w->arg++ = command_int(arena, day_start_ms(day + HISTORY_DAYS + 1) / 1000);
}

/* Adds the snapshots of a change, and the opening of each day that does not follow the day before
 * it. `packed` is the last snapshot, the current state, which the caller has packed already. */
static void schema_1_put_days(struct day_writer *w, const struct student_change *change,
                              struct str packed)
{
    const struct mastery_state *before = change->base;

    for (size_t i = 0; i < change->day_count; i++) {
        const struct mastery_state *state = &change->days[i];

        schema_1_put_day(w, key_schema_1_days, state->day,
                         i == change->day_count - 1 ? packed
                                                    : student_pack(w->pipeline->arena, state));
        if (before && before->day + 1 < state->day)
            schema_1_put_day(w, key_schema_1_openings, state->day,
                             student_pack(w->pipeline->arena, before));
        before = state;
    }
}

/* Adds the entries, four arguments each, and returns whether one of them has topics. */
static bool schema_1_put_entries(struct day_writer *w, const struct student_change *change)
{
    bool has_topics = false;

    for (size_t i = 0; i < change->entry_count; i++) {
        const struct student_entry *entry = &change->entries[i];

        *w->arg++ = entry->journal;
        *w->arg++ = entry->event_id.p ? entry->event_id : STR("");
        *w->arg++ = entry->event_id.p ? arena_printf(w->pipeline->arena, "%d %.*s",
                                                     (int)entry->event_day, STR_ARG(entry->mark))
                                      : STR("");
        *w->arg++ = entry->topics.p ? entry->topics : STR("");
        has_topics = has_topics || entry->topics.p;
    }
    return has_topics;
}

/* Queues the script schema_1_student_change. Its keys are profile, tombstone (key that exists once
 * the student's erasure has begun), journal, marks, fence, and one per snapshot and opening. Its
 * arguments are expected state, new state, result, number of entries, two times for topics, then
 * four per entry, and two per snapshot and opening. The arguments are made apart, because they
 * follow keys whose number is not known yet. */
struct command *schema_1_cmd_change(struct pipeline *pipeline, const struct student_change *change,
                                    struct str packed)
{
    enum { FIXED_KEYS = 5, FIXED_ARGS = 6, ENTRY_ARGS = 4 };
    struct arena *arena = pipeline->arena;
    size_t records_max = 2 * change->day_count; /* snapshots and openings */
    size_t args_max = FIXED_ARGS + ENTRY_ARGS * change->entry_count + 2 * records_max;
    struct str *argv = arena_array(arena, FIXED_KEYS + records_max + args_max, sizeof(*argv));
    struct str *args = arena_array(arena, args_max, sizeof(*args));
    struct day_writer w = {.pipeline = pipeline, .student = change->student};
    bool has_topics;

    if (!argv || !args) /* a command without arguments marks the pipeline as failed */
        return pipeline_add_script(pipeline, &script_schema_1_student_change, 0, 0, NULL);
    argv[0] = key_student(arena, change->student, STUDENT_KEY_PROFILE);
    argv[1] = key_student(arena, change->student, STUDENT_KEY_ERASED);
    argv[2] = key_journal(arena, change->student);
    argv[3] = key_student(arena, change->student, STUDENT_KEY_SCHEMA_1_MARKS);
    argv[4] = key_shard_record(arena, key_shard(change->student), SHARD_KEY_SCHEMA);
    args[0] = change->expected;
    args[1] = packed;
    args[2] = change->result_json;
    args[3] = command_int(arena, (int64_t)change->entry_count);
    w.key = argv + FIXED_KEYS;
    w.arg = args + FIXED_ARGS;
    has_topics = schema_1_put_entries(&w, change);
    args[4] = has_topics ? command_int(arena, change->now_ms) : STR("");
    args[5] = has_topics ? command_int(arena, change->now_ms + STATE_AHEAD_MAX_MS) : STR("");
    schema_1_put_days(&w, change, packed);
    memcpy(w.key, args, (size_t)(w.arg - args) * sizeof(*args));
    return pipeline_add_script(pipeline, &script_schema_1_student_change, (int)(w.key - argv),
                               (int)(w.key - argv + (w.arg - args)), argv);
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

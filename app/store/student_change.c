/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes a change of a student by one script: in the packed forms here, in those of 0.1.0 by
 * schema_1.c. */
#include "app/base/clock.h"
#include "app/store/keys.h"
#include "app/store/reply.h"
#include "app/store/schema.h"
#include "app/store/schema_1.h"
#include "app/store/student_days.h"
#include "app/store/student_marks.h"

/* The first arguments of student_change.lua, by their position; the entries and the days follow. */
enum {
    ARG_EXPECTED,    /* packed state from which the change was computed */
    ARG_NEW_STATE,   /* packed */
    ARG_ENTRY_COUNT, /* number of entries that follow */
    ARG_NOW_MS,      /* empty: no entry has topics */
    ARG_LATEST_MS,   /* latest time that may be stored with topics; empty: no entry has topics */
    ARG_OLDEST_DAY,  /* oldest closed day that stays stored */
    ARG_EXPIRY_S,    /* when the closed days expire, in seconds since the epoch */
    FIXED_ARGS
};
enum { ENTRY_ARGS = 4 }; /* arguments of one entry (student_put_entries) */

/* Returns whether an entry of the change has topics. */
static bool student_has_topics(const struct student_change *change)
{
    for (size_t i = 0; i < change->entry_count; i++) {
        if (change->entries[i].topics.p)
            return true;
    }
    return false;
}

/* Writes the arguments of all entries, ENTRY_ARGS each, from `arg` on: journal entry, id of the
 * event, record of its mark, packed topics; "" for what an entry does not have. Returns the next
 * argument. */
static struct str *student_put_entries(struct arena *arena, const struct student_change *change,
                                       struct str *arg)
{
    for (size_t i = 0; i < change->entry_count; i++) {
        const struct student_entry *entry = &change->entries[i];

        *arg++ = entry->journal;
        *arg++ = entry->event_id.p ? entry->event_id : STR("");
        *arg++ = entry->event_id.p
                     ? student_mark_record(arena, entry->event_id, entry->event_day, entry->mark)
                     : STR("");
        *arg++ = entry->topics.p ? entry->topics : STR("");
    }
    return arg;
}

/* Writes the records of the closed days that the change stores, from `arg` on. Returns the next
 * argument. The last of change->days is the current day, whose state is stored in the profile, so
 * it gets no record. change->base is the last state of an earlier day, or NULL. A change of one day
 * with a base is the first of a new day: the day of `base` is closed now, and gets a record. A
 * change of several days has a late event, and its base is the day before them, which is stored
 * already. */
static struct str *student_put_closed_days(struct arena *arena, const struct student_change *change,
                                           struct str *arg)
{
    bool closes_base = change->day_count == 1 && change->base && !mastery_state_empty(change->base);

    if (closes_base)
        *arg++ = student_day_record(arena, change->base);
    for (size_t i = 0; i + 1 < change->day_count; i++)
        *arg++ = student_day_record(arena, &change->days[i]);
    return arg;
}

/* Queues student_change.lua, which writes the change in the packed forms. `packed`: the new state.
 */
static struct command *student_cmd_change_packed(struct pipeline *pipeline,
                                                 const struct student_change *change,
                                                 struct str packed)
{
    enum { KEYS_MAX = 6 };
    struct arena *arena = pipeline->arena;
    int32_t today = change->days[change->day_count - 1].day;
    size_t argv_max = KEYS_MAX + FIXED_ARGS + ENTRY_ARGS * change->entry_count + change->day_count;
    struct str *argv = arena_array(arena, argv_max, sizeof(*argv)), *args, *args_end;
    int keys = 0;
    bool has_topics = student_has_topics(change);

    if (!argv) /* a command without arguments marks the pipeline as failed */
        return pipeline_add_script(pipeline, &script_student_change, 0, 0, NULL);
    argv[keys++] = key_student(arena, change->student, STUDENT_KEY_PROFILE);
    argv[keys++] = key_student(arena, change->student, STUDENT_KEY_ERASED);
    argv[keys++] = key_journal(arena, change->student);
    argv[keys++] = key_student(arena, change->student, STUDENT_KEY_MARKS);
    argv[keys++] = key_student(arena, change->student, STUDENT_KEY_DAYS);
    if (schema_has_old_forms())
        argv[keys++] = key_student(arena, change->student, STUDENT_KEY_SCHEMA_1_MARKS);
    args = argv + keys;
    args[ARG_EXPECTED] = change->expected;
    args[ARG_NEW_STATE] = packed;
    args[ARG_ENTRY_COUNT] = command_int(arena, (int64_t)change->entry_count);
    args[ARG_NOW_MS] = has_topics ? command_int(arena, change->now_ms) : STR("");
    args[ARG_LATEST_MS] =
        has_topics ? command_int(arena, change->now_ms + STATE_AHEAD_MAX_MS) : STR("");
    args[ARG_OLDEST_DAY] = command_int(arena, (int64_t)today - HISTORY_DAYS);
    args[ARG_EXPIRY_S] = command_int(arena, day_start_ms(today + HISTORY_DAYS + 1) / 1000);
    args_end = student_put_entries(arena, change, args + FIXED_ARGS);
    args_end = student_put_closed_days(arena, change, args_end);
    return pipeline_add_script(pipeline, &script_student_change, keys, (int)(args_end - argv),
                               argv);
}

/* Queues student_schema.lua, which reads the schema number from a key of the student's shard. */
static struct command *student_cmd_schema(struct pipeline *pipeline, struct str student)
{
    struct str argv[] = {key_student(pipeline->arena, student, STUDENT_KEY_PROFILE),
                         key_shard_record(pipeline->arena, key_shard(student), SHARD_KEY_SCHEMA)};

    return pipeline_add_read_script(pipeline, &script_student_schema, 2, 2, argv);
}

bool student_change_needs_result(void)
{
    return !schema_writes_packed();
}

struct command *student_cmd_change(struct pipeline *pipeline, const struct student_change *change,
                                   struct str *ret_packed)
{
    *ret_packed = student_pack(pipeline->arena, &change->days[change->day_count - 1]);
    if (!schema_is_known()) /* neither form would be right for certain */
        return student_cmd_schema(pipeline, change->student);
    if (!schema_writes_packed())
        return schema_1_cmd_change(pipeline, change, *ret_packed);
    return student_cmd_change_packed(pipeline, change, *ret_packed);
}

/* student_schema replies {2, stored state} when the packed forms are written, or {0}: the schema
 * number is not known.
 *
 * The other scripts reply an integer (1 saved, 0 the student is erased, -1 consent is withdrawn), a
 * text (the stored state, because it is not the expected one), or, when events were counted before,
 * a list with the mark of each entry, or nil for an entry whose event was not.
 * schema_1_student_change replies {2, stored state} when migration to the packed forms has begun
 * (SCHEMA_MIXED). CHANGE_OUTDATED then makes the caller compute the change again, and it is written
 * in the packed forms. */
enum change_outcome student_parse_change(const struct command *command, struct str *ret_packed,
                                         struct problem *p)
{
    int64_t code;
    size_t mark_count;

    if (reply_text(command->reply, ret_packed) == REPLY_OK)
        return CHANGE_OUTDATED;
    if (reply_int(command->reply, &code) == REPLY_OK) {
        if (code == 1)
            return CHANGE_SAVED;
        return code == 0 ? CHANGE_ERASED : CHANGE_WITHDRAWN;
    }
    if (reply_int(reply_at(command->reply, 0), &code) == REPLY_OK && code == SCHEMA_MIXED &&
        reply_text(reply_at(command->reply, 1), ret_packed) == REPLY_OK) {
        schema_learn(SCHEMA_MIXED);
        return CHANGE_OUTDATED;
    }
    if (reply_int(reply_at(command->reply, 0), &code) == REPLY_OK && code == 0) {
        problem_unavailable(p, /* retry_after_s */ 1);
        return CHANGE_PROBLEM;
    }
    if (reply_array(command->reply, STUDENT_ENTRIES_MAX, &mark_count) == REPLY_OK)
        return CHANGE_DUPLICATE;
    reply_problem(command->reply, p);
    return CHANGE_PROBLEM;
}

bool student_parse_known_mark(const struct command *command, size_t i, struct str *ret_mark)
{
    if (reply_text(reply_at(command->reply, i), ret_mark) != REPLY_OK)
        return false;
    *ret_mark = student_mark_text(*ret_mark);
    return true;
}

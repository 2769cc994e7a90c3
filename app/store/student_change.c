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

/* Adds the entries, four arguments each, and returns whether one of them has topics. */
static bool student_put_entries(struct arena *arena, const struct student_change *change,
                                struct str **arg)
{
    bool has_topics = false;

    for (size_t i = 0; i < change->entry_count; i++) {
        const struct student_entry *entry = &change->entries[i];

        *(*arg)++ = entry->journal;
        *(*arg)++ = entry->event_id.p ? entry->event_id : STR("");
        *(*arg)++ = entry->event_id.p
                        ? student_mark_record(arena, entry->event_id, entry->event_day, entry->mark)
                        : STR("");
        *(*arg)++ = entry->topics.p ? entry->topics : STR("");
        has_topics = has_topics || entry->topics.p;
    }
    return has_topics;
}

/* Adds the records of the days that are closed by the change or were before: all but the current
 * one, which is the last. A change that begins a day closes the one before, `base`. That of a
 * change of more days, which is one of the past, is stored already. */
static void student_put_closed_days(struct arena *arena, const struct student_change *change,
                                    struct str **arg)
{
    if (change->base && change->day_count == 1 && !mastery_state_empty(change->base))
        *(*arg)++ = student_day_record(arena, change->base);
    for (size_t i = 0; i + 1 < change->day_count; i++)
        *(*arg)++ = student_day_record(arena, &change->days[i]);
}

/* Queues student_change.lua. */
static struct command *student_cmd_change_packed(struct pipeline *pipeline,
                                                 const struct student_change *change,
                                                 struct str packed)
{
    enum { KEYS_MAX = 6, FIXED_ARGS = 8, ENTRY_ARGS = 4 };
    struct arena *arena = pipeline->arena;
    int32_t today = change->days[change->day_count - 1].day;
    size_t room = KEYS_MAX + FIXED_ARGS + ENTRY_ARGS * change->entry_count + change->day_count;
    struct str *argv = arena_array(arena, room, sizeof(*argv)), *args, *arg;
    int keys = 0;
    bool has_topics;

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
    arg = args + FIXED_ARGS;
    has_topics = student_put_entries(arena, change, &arg);
    args[0] = change->expected;
    args[1] = packed;
    args[2] = change->result_json;
    args[3] = command_int(arena, (int64_t)change->entry_count);
    args[4] = has_topics ? command_int(arena, change->now_ms) : STR("");
    args[5] = has_topics ? command_int(arena, change->now_ms + STATE_AHEAD_MAX_MS) : STR("");
    args[6] = command_int(arena, (int64_t)today - HISTORY_DAYS);
    args[7] = command_int(arena, day_start_ms(today + HISTORY_DAYS + 1) / 1000);
    student_put_closed_days(arena, change, &arg);
    return pipeline_add_script(pipeline, &script_student_change, keys, (int)(arg - argv), argv);
}

/* Calls student_schema.lua. */
static struct command *student_cmd_schema(struct pipeline *pipeline, struct str student)
{
    struct str argv[] = {key_student(pipeline->arena, student, STUDENT_KEY_PROFILE),
                         key_shard_record(pipeline->arena, key_shard(student), SHARD_KEY_SCHEMA)};

    return pipeline_add_read_script(pipeline, &script_student_schema, 2, 2, argv);
}

struct command *student_cmd_change(struct pipeline *pipeline, const struct student_change *change,
                                   struct str *ret_packed)
{
    *ret_packed = student_pack(pipeline->arena, &change->days[change->day_count - 1]);
    if (!schema_is_known()) /* neither form would be right for certain */
        return student_cmd_schema(pipeline, change->student);
    return schema_writes_packed() ? student_cmd_change_packed(pipeline, change, *ret_packed)
                                  : schema_1_cmd_change(pipeline, change, *ret_packed);
}

/* The reply of student_schema is {2, the stored state}, which is treated like that of another
 * state: the change is computed again, and written in the packed forms; or {0}: the number is not
 * known.
 *
 * The other scripts reply an integer (1 saved, 0 the student is erased, -1 consent is withdrawn), a
 * text (the stored state, because it is not the expected one), or a list with the mark, or nil, of
 * each entry, when events were counted before. The reply of schema_1_student_change to a fence, {2,
 * the stored state}, is treated like that of another state: the change is computed again, and
 * written in the packed forms. */
enum change_outcome student_parse_change(const struct command *command, struct str *ret_packed,
                                         struct problem *p)
{
    int64_t code; /* integer reply: 1: saved; 0: student erased; -1: consent withdrawn */
    size_t n;

    if (reply_text(command->reply, ret_packed) == REPLY_OK)
        return CHANGE_OUTDATED;
    if (reply_int(command->reply, &code) == REPLY_OK)
        return code == 1 ? CHANGE_SAVED : code == 0 ? CHANGE_ERASED : CHANGE_WITHDRAWN;
    if (reply_int(reply_at(command->reply, 0), &code) == REPLY_OK && code == SCHEMA_MIXED &&
        reply_text(reply_at(command->reply, 1), ret_packed) == REPLY_OK) {
        schema_learn(SCHEMA_MIXED);
        return CHANGE_OUTDATED;
    }
    if (reply_int(reply_at(command->reply, 0), &code) == REPLY_OK && code == 0) {
        problem_unavailable(p, /* retry_after_s */ 1);
        return CHANGE_PROBLEM;
    }
    if (reply_array(command->reply, STUDENT_ENTRIES_MAX, &n) == REPLY_OK)
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

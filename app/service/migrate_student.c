/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Converts the records of a student from the forms of 0.1.0. Each converter reads records, computes
 * their packed forms, and replaces them by a script that leaves alone what has changed since. No
 * program writes a form of 0.1.0 meanwhile, but an erasure or the retention may delete one. */
#include "app/service/migrate_student.h"

#include "app/base/clock.h"
#include "app/http/json.h"
#include "app/service/event_log.h"
#include "app/store/event_pack.h"
#include "app/store/keys.h"
#include "app/store/student_days.h"
#include "app/store/student_marks.h"

/* ---- days ---- */

/* OLD_DAYS: days whose keys are looked for, up to the day after tomorrow. They are a week more than
 * can be there, because clocks differ. OLD_KEYS: two keys for each day, one of its snapshot
 * (closing state) and one of its opening (the state with which it began). */
enum { OLD_DAYS = HISTORY_DAYS + 10, OLD_KEYS = 2 * OLD_DAYS };

/* Reads the student's state, and all snapshots (closing states of days) and openings (states with
 * which days began) under keys of 0.1.0. keys: gets their keys, snapshots first, in the order of
 * the reply to *ret_days. False with p set. */
static bool migrate_read_days(struct migrate *migrate, struct str student, int32_t today,
                              struct str keys[OLD_KEYS], struct command **ret_state,
                              struct command **ret_days, struct problem *p)
{
    struct str *argv = arena_array(migrate->arena, 1 + OLD_KEYS, sizeof(*argv));
    struct pipeline pipeline;

    pipeline_init(&pipeline, migrate->arena, NULL /* owner */);
    if (!argv ||
        !key_schema_1_days(migrate->arena, student, today - OLD_DAYS + 3, OLD_DAYS, keys) ||
        !key_schema_1_openings(migrate->arena, student, today - OLD_DAYS + 3, OLD_DAYS,
                               keys + OLD_DAYS)) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    argv[0] = STR("MGET");
    memcpy(argv + 1, keys, OLD_KEYS * sizeof(*keys));
    *ret_state = student_cmd_state(&pipeline, student);
    *ret_days = pipeline_add(&pipeline, COMMAND_READ, 1 + OLD_KEYS, argv);
    return migrate_round_trip(migrate, &pipeline, p);
}

/* Makes the record of a day's packed state for the closed days, one text that has all of them.
 * *ret_record is empty for the state of the current day, which the profile has. False, with a
 * problem that names the key, when the state cannot be unpacked. */
static bool migrate_day_record(struct migrate *migrate, struct str key, struct str packed,
                               int32_t current_day, struct str *ret_record, struct problem *p)
{
    struct mastery_state state;

    if (!state_unpack(packed, &state)) {
        problem_set(p, PROBLEM_INTERNAL_ERROR,
                    "the state under the key %.*s cannot be read: restore or delete it",
                    STR_ARG(key));
        return false;
    }
    *ret_record = state.day >= current_day ? STR("") : student_day_record(migrate->arena, &state);
    return true;
}

/* Queues schema_1_migrate_days.lua, which moves the days to the closed days, for the keys that
 * exist according to the reply to days_cmd (the MGET of all keys). `keys` has their names in the
 * order of that reply. *ret_command is NULL if none exists. */
static bool migrate_queue_days(struct migrate *migrate, struct str student,
                               const struct mastery_state *current, int32_t today,
                               const struct str *keys, const struct command *days_cmd,
                               struct pipeline *pipeline, struct command **ret_command,
                               struct problem *p)
{
    struct str *argv = arena_array(migrate->arena, 3 + 3 * OLD_KEYS, sizeof(*argv));
    struct str *args = arena_array(migrate->arena, 2 + 2 * OLD_KEYS, sizeof(*args)), value;
    int32_t last = current->day > today ? current->day : today;
    int key_count = 1, arg_count = 2;

    *ret_command = NULL;
    if (!argv || !args) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    argv[0] = key_student(migrate->arena, student, STUDENT_KEY_DAYS);
    /* the oldest closed day that stays, and when the closed days expire */
    args[0] = command_int(migrate->arena, (int64_t)today - HISTORY_DAYS);
    args[1] = command_int(migrate->arena, day_start_ms(last + HISTORY_DAYS + 1) / 1000);
    for (size_t i = 0; i < OLD_KEYS; i++) {
        if (reply_text(reply_at(days_cmd->reply, i), &value) != REPLY_OK)
            continue;
        argv[key_count++] = keys[i];
        args[arg_count] = value;
        if (!migrate_day_record(migrate, keys[i], value, current->day, &args[arg_count + 1], p))
            return false;
        arg_count += 2;
    }
    if (key_count == 1)
        return true; /* none of the keys exists */
    memcpy(argv + key_count, args, (size_t)arg_count * sizeof(*args));
    *ret_command = pipeline_add_script(pipeline, &script_schema_1_migrate_days, key_count,
                                       key_count + arg_count, argv);
    return true;
}

bool migrate_days(struct migrate *migrate, struct str student, int64_t *ret_converted,
                  struct problem *p)
{
    struct str keys[OLD_KEYS];
    struct command *state_cmd, *days_cmd, *write_cmd;
    int32_t today = day_of_ms(store_now_ms(migrate->engine->store));
    struct mastery_state current;
    struct pipeline pipeline;

    pipeline_init(&pipeline, migrate->arena, NULL /* owner */);
    if (!migrate_read_days(migrate, student, today, keys, &state_cmd, &days_cmd, p) ||
        !student_parse_state(state_cmd, &current, p))
        return false;
    if (mastery_state_empty(&current)) /* a student without a state has no days */
        return true;
    if (!migrate_queue_days(migrate, student, &current, today, keys, days_cmd, &pipeline,
                            &write_cmd, p))
        return false;
    return !write_cmd || (migrate_round_trip(migrate, &pipeline, p) &&
                          reply_expect_int(write_cmd->reply, ret_converted, p));
}

/* ---- marks ---- */

/* MARKS_PAGE: marks that one HSCAN requests, and most that one script moves. MARKS_REPLY_MAX: most
 * elements of a reply to HSCAN. */
enum { MARKS_PAGE = 500, MARKS_REPLY_MAX = 2 << 20 };

/* Moves up to MARKS_PAGE of the n marks of counted events in a reply of HSCAN, from index i on, to
 * their buckets (hash fields that have several marks). In the reply the ids of the events and their
 * marks, "DAY TEXT", alternate. Adds how many were moved to *ret_converted. */
static bool migrate_mark_page(struct migrate *migrate, struct str student, const redisReply *page,
                              size_t i, size_t n, int64_t *ret_converted, struct problem *p)
{
    struct str *argv = arena_array(migrate->arena, 2 + 3 * MARKS_PAGE, sizeof(*argv)), id, value,
               mark;
    struct pipeline pipeline;
    struct command *command;
    int64_t day, moved;
    int argc = 2;

    if (!argv) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    argv[0] = key_student(migrate->arena, student, STUDENT_KEY_MARKS);
    argv[1] = key_student(migrate->arena, student, STUDENT_KEY_SCHEMA_1_MARKS);
    for (size_t last = i + MARKS_PAGE; i < n && i < last; i++) {
        if (reply_text(reply_at(page, 2 * i), &id) != REPLY_OK ||
            reply_text(reply_at(page, 2 * i + 1), &value) != REPLY_OK)
            continue;
        mark = value;
        if (!str_to_int64(str_cut(&mark, ' '), 0, UINT16_MAX, &day))
            day = 0; /* unknown: student_trim_marks.lua removes a mark of day 0 */
        argv[argc++] = id;
        argv[argc++] = value;
        argv[argc++] = student_mark_record(migrate->arena, id, (int32_t)day, mark);
    }
    pipeline_init(&pipeline, migrate->arena, NULL /* owner */);
    command = pipeline_add_script(&pipeline, &script_schema_1_migrate_marks, 2, argc, argv);
    if (!migrate_round_trip(migrate, &pipeline, p) || !reply_expect_int(command->reply, &moved, p))
        return false;
    *ret_converted += moved;
    return true;
}

bool migrate_marks(struct migrate *migrate, struct str student, int64_t *ret_converted,
                   struct problem *p)
{
    struct str key = key_student(migrate->arena, student, STUDENT_KEY_SCHEMA_1_MARKS);
    struct str cursor = STR("0");

    do {
        struct pipeline pipeline;
        const redisReply *page;
        struct command *command;
        size_t n;

        pipeline_init(&pipeline, migrate->arena, NULL /* owner */);
        command = pipeline_add(&pipeline, COMMAND_READ, 5,
                               (struct str[]){STR("HSCAN"), key, cursor, STR("COUNT"),
                                              command_int(migrate->arena, MARKS_PAGE)});
        if (!migrate_round_trip(migrate, &pipeline, p))
            return false;
        page = reply_at(command->reply, 1);
        if (!reply_expect_array(page, MARKS_REPLY_MAX, &n, p))
            return false;
        if (reply_text(reply_at(command->reply, 0), &cursor) != REPLY_OK) {
            reply_problem(command->reply, p);
            return false;
        }
        /* COUNT is a hint: a small hash comes as a whole, and is then moved by several scripts */
        for (size_t i = 0; i < n / 2; i += MARKS_PAGE) {
            if (!migrate_mark_page(migrate, student, page, i, n / 2, ret_converted, p))
                return false;
        }
    } while (!str_equal(cursor, STR("0")));
    return true;
}

/* ---- events ---- */

/* Adds the id and the packed form of an event that is stored as JSON to argv; an event that is too
 * long to be packed stays as it is. The event's day is that of its timestamp, else of its entry's
 * id. */
static void migrate_put_event(struct migrate *migrate, struct str student,
                              const struct stream_entry *entry, struct str *argv, int *argc)
{
    struct problem unreadable = {.code = PROBLEM_NONE};
    struct str json;
    int64_t at_ms = 0;
    int32_t day;

    if (stream_field(entry, STR("e"), &json) != REPLY_OK || json.n > EVENT_PACK_MAX)
        return;
    (void)stream_id_time(entry->id, &at_ms);
    argv[(*argc)++] = entry->id;
    day = event_log_day(json_parse(json, migrate->arena, &unreadable), day_of_ms(at_ms));
    argv[(*argc)++] = event_pack(migrate->arena, student, day, json);
}

/* Reads how many events the stream at `key` has, and all of them if they are at most
 * MIGRATE_EVENTS_MAX. *ret_entries: the reply with them; NULL: there is nothing to convert. */
static bool migrate_read_events(struct migrate *migrate, struct str key,
                                const redisReply **ret_entries, size_t *ret_n, struct problem *p)
{
    struct pipeline pipeline;
    struct command *command;
    int64_t length;

    *ret_entries = NULL;
    pipeline_init(&pipeline, migrate->arena, NULL /* owner */);
    command = pipeline_add(&pipeline, COMMAND_READ, 2, (struct str[]){STR("XLEN"), key});
    if (!migrate_round_trip(migrate, &pipeline, p) || !reply_expect_int(command->reply, &length, p))
        return false;
    if (length == 0 || length > MIGRATE_EVENTS_MAX)
        return true;
    pipeline_init(&pipeline, migrate->arena, NULL /* owner */);
    command = stream_cmd_range(&pipeline, key, STR("-"), STR("+"), MIGRATE_EVENTS_MAX);
    if (!migrate_round_trip(migrate, &pipeline, p) ||
        !reply_expect_array(command->reply, MIGRATE_EVENTS_MAX, ret_n, p))
        return false;
    *ret_entries = command->reply;
    return true;
}

bool migrate_events(struct migrate *migrate, struct str student, int64_t *ret_converted,
                    struct problem *p)
{
    struct str key = key_student(migrate->arena, student, STUDENT_KEY_EVENTS);
    struct str *argv = arena_array(migrate->arena, 1 + 2 * MIGRATE_EVENTS_MAX, sizeof(*argv));
    const redisReply *entries;
    struct stream_entry entry;
    struct pipeline pipeline;
    struct command *command;
    size_t n = 0;
    int argc = 1;

    if (!argv) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    if (!migrate_read_events(migrate, key, &entries, &n, p))
        return false;
    argv[0] = key;
    for (size_t i = 0; entries && i < n; i++) {
        if (stream_entry_parse(reply_at(entries, i), &entry))
            migrate_put_event(migrate, student, &entry, argv, &argc);
    }
    if (argc == 1)
        return true;
    pipeline_init(&pipeline, migrate->arena, NULL /* owner */);
    command = pipeline_add_script(&pipeline, &script_schema_1_migrate_events, 1, argc, argv);
    return migrate_round_trip(migrate, &pipeline, p) &&
           reply_expect_int(command->reply, ret_converted, p);
}

/* ---- result ---- */

bool migrate_result(struct migrate *migrate, struct str student, int64_t *ret_converted,
                    struct problem *p)
{
    struct str key = key_student(migrate->arena, student, STUDENT_KEY_PROFILE);
    struct pipeline pipeline;
    struct command *command;

    pipeline_init(&pipeline, migrate->arena, NULL /* owner */);
    command = pipeline_add(&pipeline, COMMAND_WRITE, 3, (struct str[]){STR("HDEL"), key, STR("m")});
    return migrate_round_trip(migrate, &pipeline, p) &&
           reply_expect_int(command->reply, ret_converted, p);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/student.h"

#include "app/base/clock.h"
#include "app/store/keys.h"
#include "app/store/reply.h"

struct command *student_cmd_profile(struct pipeline *a, struct str student)
{
    struct str key = key_student(a->arena, student, STUDENT_KEY_PROFILE);

    return pipeline_add(a, COMMAND_READ, 5,
                        (struct str[]){STR("HMGET"), key, STR("m"), STR("s"), STR("c")});
}

struct command *student_cmd_consent(struct pipeline *a, struct str student)
{
    struct str key = key_student(a->arena, student, STUDENT_KEY_PROFILE);

    return pipeline_add(a, COMMAND_READ, 3, (struct str[]){STR("HMGET"), key, STR("c")});
}

/* The letters are the last field that is asked for. */
bool student_has_withdrawn(const struct command *command, enum consent consent)
{
    struct str letters;
    size_t n;

    if (reply_array(command->reply, 3, &n) != REPLY_OK || n == 0)
        return true;
    switch (reply_text(reply_at(command->reply, n - 1), &letters)) {
    case REPLY_MISSING: return false;
    case REPLY_OK: return consent_withdrawn(letters, consent);
    case REPLY_ERROR: break;
    }
    return true;
}

bool student_parse_withdrawn(const struct command *command, enum consent consent,
                             bool *ret_withdrawn, struct problem *p)
{
    size_t n;

    if (reply_array(command->reply, 3, &n) != REPLY_OK) {
        reply_problem(command->reply, p);
        return false;
    }
    *ret_withdrawn = student_has_withdrawn(command, consent);
    return true;
}

bool student_parse_profile(const struct command *command, struct student_profile *ret,
                           struct problem *p)
{
    size_t n;
    enum reply_result m, s;

    *ret = (struct student_profile){0};
    mastery_state_init(&ret->state);
    if (reply_array(command->reply, 3, &n) != REPLY_OK || n != 3) {
        reply_problem(command->reply, p);
        return false;
    }
    m = reply_text(reply_at(command->reply, 0), &ret->result_json);
    s = reply_text(reply_at(command->reply, 1), &ret->packed);
    if (m == REPLY_MISSING && s == REPLY_MISSING)
        return true;
    if (m != REPLY_OK || s != REPLY_OK || !state_unpack(ret->packed, &ret->state)) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    ret->exists = true;
    return true;
}

struct command *student_cmd_state(struct pipeline *a, struct str student)
{
    struct str key = key_student(a->arena, student, STUDENT_KEY_PROFILE);

    return pipeline_add(a, COMMAND_READ, 4, (struct str[]){STR("HMGET"), key, STR("s"), STR("c")});
}

bool student_parse_state(const struct command *command, struct mastery_state *ret,
                         struct problem *p)
{
    struct str packed;
    size_t n;
    enum reply_result there = REPLY_ERROR;

    mastery_state_init(ret);
    if (reply_array(command->reply, 2, &n) == REPLY_OK && n == 2)
        there = reply_text(reply_at(command->reply, 0), &packed);
    if (there == REPLY_ERROR)
        reply_problem(command->reply, p);
    else if (there == REPLY_OK && !state_unpack(packed, ret))
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return p->code == PROBLEM_NONE;
}

struct command *student_cmd_days(struct pipeline *a, struct str student, int32_t first, int count)
{
    struct str argv[1 + STUDENT_DAYS_MAX] = {STR("MGET")};

    if (!key_student_days(a->arena, student, first, count, argv + 1))
        a->failed = true;
    return pipeline_add(a, COMMAND_READ, 1 + count, argv);
}

enum reply_result student_parse_day(const struct command *command, size_t i,
                                    struct mastery_state *ret)
{
    struct str packed;
    enum reply_result there = reply_text(reply_at(command->reply, i), &packed);

    if (there == REPLY_OK && !state_unpack(packed, ret))
        return REPLY_ERROR;
    return there;
}

bool student_parse_days(const struct command *command, struct mastery_state *ret_days,
                        size_t *ret_count, struct problem *p)
{
    size_t n, count = 0;

    if (reply_array(command->reply, STUDENT_DAYS_MAX, &n) != REPLY_OK) {
        reply_problem(command->reply, p);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        enum reply_result there = student_parse_day(command, i, &ret_days[count]);

        if (there == REPLY_MISSING)
            continue;
        if (there == REPLY_ERROR) {
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
            return false;
        }
        count++;
    }
    *ret_count = count;
    return true;
}

static struct str pack(struct arena *arena, const struct mastery_state *s)
{
    unsigned char packed[STATE_PACKED_MAX];
    size_t n = state_pack(s, packed);

    return arena_copy(arena, (struct str){(const char *)packed, n});
}

/* Snapshots live until their day falls out of the history. */
static struct str expiry(struct arena *arena, int32_t day)
{
    return arena_printf(arena, "%lld", (long long)day_start_ms(day) / 1000);
}

static void fill_days(struct pipeline *a, const struct student_change *change, struct str packed,
                      struct str *keys, struct str *args)
{
    for (size_t i = 0; i < change->day_count; i++) {
        const struct mastery_state *day = &change->days[i];

        if (!key_student_days(a->arena, change->student, day->day, 1, &keys[i]))
            a->failed = true;
        args[2 * i] = i == change->day_count - 1 ? packed : pack(a->arena, day);
        args[2 * i + 1] = expiry(a->arena, day->day + HISTORY_DAYS);
    }
}

struct command *student_cmd_change(struct pipeline *a, const struct student_change *change,
                                   struct str *ret_packed)
{
    struct arena *arena = a->arena;
    int days = (int)change->day_count, keys = 4 + days, argc = keys + 6 + 2 * days;
    struct str *argv = arena_array(arena, (size_t)argc, sizeof(*argv)), *arg;

    if (!argv) {
        a->failed = true;
        return pipeline_add_script(a, &script_student_change, 0, 0, NULL);
    }
    argv[0] = key_student(arena, change->student, STUDENT_KEY_PROFILE);
    argv[1] = key_student(arena, change->student, STUDENT_KEY_ERASED);
    argv[2] = key_journal(arena, change->student);
    argv[3] = key_student(arena, change->student, STUDENT_KEY_MARKS);
    arg = argv + keys;
    *ret_packed = pack(arena, &change->days[days - 1]);
    arg[0] = change->expected;
    arg[1] = *ret_packed;
    arg[2] = change->result_json;
    arg[3] = change->journal;
    arg[4] = change->event_id.p ? change->event_id : STR("");
    arg[5] = arena_printf(arena, "%d %.*s", (int)change->event_day, STR_ARG(change->mark));
    fill_days(a, change, *ret_packed, argv + 4, arg + 6);
    return pipeline_add_script(a, &script_student_change, keys, argc, argv);
}

/* A mark is the day of its event, a space, and the text that the event left. */
static struct str mark_text(struct str mark)
{
    (void)str_cut(&mark, ' ');
    return mark;
}

enum change_outcome student_parse_change(const struct command *command, struct str *ret_packed,
                                         struct problem *p)
{
    int64_t made;
    size_t n;

    if (reply_text(command->reply, ret_packed) == REPLY_OK)
        return CHANGE_OUTDATED;
    if (reply_int(command->reply, &made) == REPLY_OK)
        return made == 1 ? CHANGE_SAVED : made == 0 ? CHANGE_ERASED : CHANGE_WITHDRAWN;
    if (reply_array(command->reply, 1, &n) == REPLY_OK && n == 1 &&
        reply_text(reply_at(command->reply, 0), ret_packed) == REPLY_OK) {
        *ret_packed = mark_text(*ret_packed);
        return CHANGE_DUPLICATE;
    }
    reply_problem(command->reply, p);
    return CHANGE_PROBLEM;
}

struct command *student_cmd_mark(struct pipeline *a, struct str student, struct str event_id)
{
    struct str key = key_student(a->arena, student, STUDENT_KEY_MARKS);

    return pipeline_add(a, COMMAND_READ, 3, (struct str[]){STR("HGET"), key, event_id});
}

bool student_parse_mark(const struct command *command, bool *ret_counted, struct str *ret_mark,
                        struct problem *p)
{
    enum reply_result there = reply_text(command->reply, ret_mark);

    *ret_counted = there == REPLY_OK;
    if (there == REPLY_ERROR)
        reply_problem(command->reply, p);
    else if (there == REPLY_OK)
        *ret_mark = mark_text(*ret_mark);
    return there != REPLY_ERROR;
}

struct command *student_cmd_trim_marks(struct pipeline *a, struct str key, struct str cursor,
                                       int32_t oldest)
{
    return pipeline_add_script(
        a, &script_student_trim_marks, 1, 4,
        (struct str[]){key, cursor, STR("500"), arena_printf(a->arena, "%d", (int)oldest)});
}

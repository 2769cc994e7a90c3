/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads a student's days from the profile, the closed days and, while such keys may exist, the keys
 * of single days of 0.1.0. A day may have several states. The state of the profile then counts
 * first, and that of the closed days before the one of 0.1.0, because a program that writes the
 * later form does not change the earlier ones. */
#include "app/store/student_days.h"

#include "app/base/clock.h"
#include "app/store/keys.h"
#include "app/store/reply.h"
#include "app/store/schema.h"

/* ---- records ---- */

struct str student_day_record(struct arena *arena, const struct mastery_state *state)
{
    unsigned char record[DAY_RECORD_MAX];
    size_t n = state_pack_short(state, record + DAY_HEADER_SIZE);

    if (n == 0)
        return (struct str){0};
    record[0] = (unsigned char)(state->day >> 8);
    record[1] = (unsigned char)(state->day & 255);
    record[2] = (unsigned char)n;
    return arena_copy(arena, (struct str){(const char *)record, DAY_HEADER_SIZE + n});
}

bool student_day_cut(struct str *days, int32_t *ret_day, struct str *ret_short)
{
    const unsigned char *p = (const unsigned char *)days->p;

    if (days->n < DAY_HEADER_SIZE || days->n - DAY_HEADER_SIZE < p[2])
        return false;
    *ret_day = p[0] << 8 | p[1];
    *ret_short = (struct str){days->p + DAY_HEADER_SIZE, p[2]};
    *days = (struct str){ret_short->p + ret_short->n, days->n - DAY_HEADER_SIZE - ret_short->n};
    return true;
}

/* ---- commands ---- */

/* What the parsers of a reply need to know about its command (command->context). */
struct days_range {
    int32_t first;               /* the first day (days since 1970-01-01) */
    int count;                   /* number of days */
    const struct command *state; /* has read the state; NULL: one script reads state and days */
    int limit;                   /* bytes of the closed days that are read; 0: all */
};

/* Stores a copy of the range in command->context, for the parsers of the reply. Returns the
 * command. */
static struct command *student_set_range(struct pipeline *pipeline, struct command *command,
                                         struct days_range range)
{
    struct days_range *copy = arena_alloc(pipeline->arena, sizeof(*copy));

    if (!copy) {
        pipeline->failed = true;
        return command;
    }
    *copy = range;
    command->context = copy;
    return command;
}

/* A function that makes the keys of 0.1.0 of `count` days, one key for each day: key_schema_1_days
 * or key_schema_1_openings. Returns false when out of memory. */
typedef bool day_keys(struct arena *arena, struct str student, int32_t first, int count,
                      struct str *ret_keys);

/* Calls student_days.lua, which reads the state, the closed days and, while there may be keys of
 * 0.1.0, those that make_keys makes for `count` days from `first` on. */
static struct command *student_run_days(struct pipeline *pipeline, struct str student,
                                        int32_t first, int count, day_keys *make_keys)
{
    enum { FIXED_KEYS = 2 };
    struct arena *arena = pipeline->arena;
    struct str argv[FIXED_KEYS + STUDENT_DAYS_MAX] = {
        key_student(arena, student, STUDENT_KEY_PROFILE),
        key_student(arena, student, STUDENT_KEY_DAYS)};
    int keys = FIXED_KEYS;

    if (schema_has_old_forms()) {
        if (!make_keys(arena, student, first, count, argv + keys))
            pipeline->failed = true;
        keys += count;
    }
    return student_set_range(
        pipeline, pipeline_add_read_script(pipeline, &script_student_days, keys, keys, argv),
        (struct days_range){first, count, NULL, 0});
}

/* Reads the state, unless a command does so already, then the closed days, or their first
 * range.limit bytes. */
static struct command *student_read_closed(struct pipeline *pipeline, struct str student,
                                           struct days_range range)
{
    struct arena *arena = pipeline->arena;
    struct str profile = key_student(arena, student, STUDENT_KEY_PROFILE),
               days = key_student(arena, student, STUDENT_KEY_DAYS);
    struct command *closed;

    if (!range.state)
        range.state =
            pipeline_add(pipeline, COMMAND_READ, 3, (struct str[]){STR("HGET"), profile, STR("s")});
    if (range.limit == 0)
        closed = pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("GET"), days});
    else
        closed = pipeline_add(
            pipeline, COMMAND_READ, 4,
            (struct str[]){STR("GETRANGE"), days, STR("0"), command_int(arena, range.limit - 1)});
    return student_set_range(pipeline, closed, range);
}

struct command *student_cmd_days(struct pipeline *pipeline, struct str student,
                                 const struct command *state, int32_t first, int count)
{
    if (schema_has_old_forms())
        return student_run_days(pipeline, student, first, count, key_schema_1_days);
    return student_read_closed(pipeline, student, (struct days_range){first, count, state, 0});
}

struct command *student_cmd_latest_days(struct pipeline *pipeline, struct str student,
                                        const struct command *state, int32_t today, int count)
{
    /* Up to two days after today may be closed: a client's clock may be a day ahead, and by that of
     * another machine the next day may have begun. */
    enum { LATER_DAYS = 2, LIMIT_MAX = HISTORY_DAYS * DAY_RECORD_MAX / 4 };
    int limit = (count + LATER_DAYS) * DAY_RECORD_MAX;

    /* keys of 0.1.0 cannot be read in part, and so long a beginning is usually the whole text */
    if (schema_has_old_forms() || limit > LIMIT_MAX)
        return student_cmd_days(pipeline, student, state, today - count + 1, count);
    return student_read_closed(pipeline, student,
                               (struct days_range){today - count + 1, count, state, limit});
}

struct command *student_cmd_days_at_once(struct pipeline *pipeline, struct str student,
                                         int32_t first, int count, struct command **ret_openings)
{
    struct command *days = student_run_days(pipeline, student, first, count, key_schema_1_days);

    *ret_openings = schema_has_old_forms()
                        ? student_run_days(pipeline, student, first, count, key_schema_1_openings)
                        : days;
    return days;
}

/* Sets what student_read_changed.lua needs to make the keys of the days in the form of 0.1.0:
 * *ret_prefix, the common beginning of the keys, and *ret_days, their last 8 digits (YYYYMMDD) one
 * after the other. Both are empty if there are no such keys. */
static void student_changed_keys(struct pipeline *pipeline, struct str student, int32_t first,
                                 int count, struct str *ret_prefix, struct str *ret_days)
{
    enum { DIGITS = 8 };
    struct str keys[STUDENT_DAYS_MAX];
    char *days;

    *ret_prefix = *ret_days = STR("");
    if (!schema_has_old_forms() || count == 0)
        return;
    days = arena_alloc(pipeline->arena, (size_t)count * DIGITS);
    if (!days || !key_schema_1_days(pipeline->arena, student, first, count, keys)) {
        pipeline->failed = true;
        return;
    }
    for (int i = 0; i < count; i++)
        memcpy(days + (ptrdiff_t)i * DIGITS, keys[i].p + keys[i].n - DIGITS, DIGITS);
    *ret_prefix = (struct str){keys[0].p, keys[0].n - DIGITS};
    *ret_days = (struct str){days, (size_t)count * DIGITS};
}

struct command *student_cmd_changed(struct pipeline *pipeline, struct str student, struct str stamp,
                                    int32_t first, int count)
{
    struct arena *arena = pipeline->arena;
    struct str prefix, days;

    student_changed_keys(pipeline, student, first, count, &prefix, &days);
    return student_set_range(
        pipeline,
        pipeline_add_read_script(pipeline, &script_student_read_changed, 2, 5,
                                 (struct str[]){key_student(arena, student, STUDENT_KEY_PROFILE),
                                                key_student(arena, student, STUDENT_KEY_DAYS),
                                                stamp, prefix, days}),
        (struct days_range){first, count, NULL, 0});
}

struct command *student_cmd_trim_days(struct pipeline *pipeline, struct str key, int32_t oldest)
{
    return pipeline_add_script(pipeline, &script_student_trim_days, 1, 2,
                               (struct str[]){key, command_int(pipeline->arena, oldest)});
}

/* ---- replies ---- */

bool student_parse_changed(const struct command *command, struct command *ret_topics,
                           struct command *ret_days, struct problem *p)
{
    size_t n;

    if (reply_array(command->reply, 2, &n) != REPLY_OK || n != 2) {
        reply_problem(command->reply, p);
        return false;
    }
    *ret_topics = *ret_days = *command;
    ret_topics->reply = command->reply->element[0];
    ret_days->reply =
        command->reply->element[1]->type == REDIS_REPLY_NIL ? NULL : command->reply->element[1];
    return true;
}

/* Elements of the reply of student_days.lua: state of the profile, closed days, and the values of
 * the keys of 0.1.0, of which REPLY_OLD is the first. */
enum { REPLY_STATE, REPLY_CLOSED, REPLY_OLD };

/* Puts the state of a day into the list, unless the day is none of those that were requested.
 * is_short: the text is in the short form, else it is a packed state. */
static void student_put_day(struct student_days *days, int32_t day, struct str text, bool is_short)
{
    if (day >= days->first && (size_t)(day - days->first) < days->count)
        days->days[day - days->first] = (struct student_day){text, is_short};
}

/* Puts all records of the closed days into the list. is_cut: only the beginning of the text was
 * read, so it may end with a part of a record. False when the text is damaged: it does not consist
 * of whole records, or these are not in order. */
static bool student_put_closed(struct student_days *days, struct str closed, bool is_cut)
{
    struct str text;
    int32_t day, later = INT32_MAX;

    while (student_day_cut(&closed, &day, &text)) {
        if (day >= later)
            return false;
        later = day;
        student_put_day(days, day, text, /* is_short */ true);
    }
    return is_cut || closed.n == 0;
}

/* Puts the state of the profile into the list, under its own day. A state that cannot be read is
 * left out, because its day is not known; the readers of the profile report it. */
static void student_put_current(struct student_days *days, struct str packed)
{
    struct mastery_state state;

    if (state_unpack(packed, &state))
        student_put_day(days, state.day, packed, /* is_short */ false);
}

/* Returns the part of the reply to `state` that is the packed state: the whole reply to HGET, which
 * has 3 texts, or the element of the field s in the reply to HMGET KEY FIELD ... */
static const redisReply *student_state_reply(const struct command *state)
{
    for (int i = 2; i < state->argc; i++) {
        if (str_equal(state->argv[i], STR("s")))
            return state->argc == 3 ? state->reply : reply_at(state->reply, (size_t)i - 2);
    }
    return NULL;
}

/* Gets the packed state and the text of the closed days from a reply; "" for what does not exist.
 * Sets the range of days in *ret, whose days are empty then. False with p set when the reply is
 * missing or has another type. */
static bool student_days_begin(const struct command *command, struct student_days *ret,
                               struct str *ret_packed, struct str *ret_closed, struct problem *p)
{
    const struct days_range *range = command->context;
    const redisReply *packed, *closed = command->reply;
    size_t n;

    ret->count = 0;
    *ret_packed = *ret_closed = STR("");
    if (!command->reply ||
        (!range->state &&
         !reply_expect_array(command->reply, REPLY_OLD + STUDENT_DAYS_MAX, &n, p))) {
        problem_unavailable(p, /* retry_after_s */ 1); /* a problem that p has already stays */
        return false;
    }
    packed =
        range->state ? student_state_reply(range->state) : reply_at(command->reply, REPLY_STATE);
    if (!range->state)
        closed = reply_at(command->reply, REPLY_CLOSED);
    if (!reply_expect_text_or_nil(packed, ret_packed, p) ||
        !reply_expect_text_or_nil(closed, ret_closed, p)) {
        problem_unavailable(p, /* retry_after_s */ 1);
        return false;
    }
    *ret = (struct student_days){.first = range->first, .count = (size_t)range->count};
    return true;
}

bool student_parse_day_texts(const struct command *command, struct student_days *ret,
                             struct problem *p)
{
    const struct days_range *range = command->context;
    struct str packed, closed, old;

    if (!student_days_begin(command, ret, &packed, &closed, p))
        return false;
    /* only the reply of a script has values of keys of 0.1.0; later forms overwrite them below */
    for (size_t i = 0; i < ret->count; i++) {
        if (reply_text(reply_at(command->reply, REPLY_OLD + i), &old) == REPLY_OK)
            ret->days[i] = (struct student_day){old, /* is_short */ false};
    }
    if (!student_put_closed(ret, closed, range->limit > 0 && closed.n >= (size_t)range->limit)) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    student_put_current(ret, packed);
    return true;
}

enum reply_result student_day_state(const struct student_days *days, size_t i,
                                    struct mastery_state *ret)
{
    const struct student_day *day;

    if (i >= days->count)
        return REPLY_ERROR;
    day = &days->days[i];
    if (!day->text.p)
        return REPLY_MISSING;
    if (day->is_short ? state_unpack_short(day->text, days->first + (int32_t)i, ret)
                      : state_unpack(day->text, ret))
        return REPLY_OK;
    return REPLY_ERROR;
}

bool student_parse_days(const struct command *command, struct mastery_state *ret_days,
                        size_t *ret_count, struct problem *p)
{
    struct student_days days;
    size_t count = 0;

    if (!student_parse_day_texts(command, &days, p))
        return false;
    for (size_t i = 0; i < days.count; i++) {
        enum reply_result result = student_day_state(&days, i, &ret_days[count]);

        if (result == REPLY_ERROR) {
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
            return false;
        }
        count += result == REPLY_OK;
    }
    *ret_count = count;
    return true;
}

/* Finds the latest of the closed days before `day`: *ret_day, with its state in short form.
 * *ret_day is INT32_MIN if there is none. False when the text is damaged. */
static bool student_find_before(struct str closed, int32_t day, int32_t *ret_day,
                                struct str *ret_short)
{
    while (student_day_cut(&closed, ret_day, ret_short)) {
        if (*ret_day < day)
            return true;
    }
    *ret_day = INT32_MIN;
    return closed.n == 0;
}

/* Both forms may have an opening: the record before the day in the closed days, and the key of
 * 0.1.0. The later state is the one with which the day began. */
enum reply_result student_parse_opening(const struct command *command, int32_t day,
                                        struct mastery_state *ret)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct student_days range;
    struct str packed, closed, text, old;
    struct mastery_state opening;
    int32_t closed_day;
    int64_t i;

    if (!student_days_begin(command, &range, &packed, &closed, &p) ||
        !student_find_before(closed, day, &closed_day, &text))
        return REPLY_ERROR;
    i = (int64_t)day - range.first;
    if (i < 0 || (size_t)i >= range.count)
        return REPLY_ERROR;
    if (reply_text(reply_at(command->reply, REPLY_OLD + (size_t)i), &old) == REPLY_OK) {
        if (!state_unpack(old, &opening))
            return REPLY_ERROR;
        if (opening.day > closed_day) {
            *ret = opening;
            return REPLY_OK;
        }
    }
    if (closed_day == INT32_MIN)
        return REPLY_MISSING;
    return state_unpack_short(text, closed_day, ret) ? REPLY_OK : REPLY_ERROR;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/student.h"

#include "app/base/clock.h"
#include "app/store/keys.h"
#include "app/store/reply.h"

/* KEYS: profile, tombstone, journal, a key a day, and the event's marker if it is an event. ARGV:
 * expected state, new state, result, journal entry, the marker's expiry, then a snapshot and its
 * expiry (epoch seconds) a day.
 * Answers 1 when made, 2 when the event has been counted before, 0 when the student is erased, else
 * the state that is there now. A student that exists is not erased (erasing deletes the profile),
 * so the tombstone is looked at only for one that does not. The marker comes first, so that of many
 * repeats of one event none has to wait for its turn with the state. */
struct script script_record = {
    .name = "record",
    .body = STR_INIT("local s = redis.call('HGET', KEYS[1], 's') or ''\n"
                     "local days = (#ARGV - 5) / 2\n"
                     "local event = #KEYS > 3 + days\n"
                     "if event and redis.call('EXISTS', KEYS[#KEYS]) == 1 then return 2 end\n"
                     "if s ~= ARGV[1] then return s end\n"
                     "if s == '' and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end\n"
                     "if event then redis.call('SET', KEYS[#KEYS], '', 'EXAT', ARGV[5]) end\n"
                     "redis.call('HSET', KEYS[1], 'm', ARGV[3], 's', ARGV[2])\n"
                     "for i = 1, days do\n"
                     "  redis.call('SET', KEYS[3 + i], ARGV[4 + 2 * i], 'EXAT', ARGV[5 + 2 * i])\n"
                     "end\n"
                     "redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'e', ARGV[4])\n"
                     "return 1\n"),
};

struct ask *student_ask_profile(struct asks *a, struct str student)
{
    struct str key = key_student(a->arena, student, STUDENT_KEY_PROFILE);

    return ask_command(a, ASK_READ, 4, (struct str[]){STR("HMGET"), key, STR("m"), STR("s")});
}

bool student_read_profile(const struct ask *ask, struct student_profile *ret, struct problem *p)
{
    size_t n;
    enum reply m, s;

    *ret = (struct student_profile){0};
    mastery_state_init(&ret->state);
    if (reply_array(ask->reply, 2, &n) != REPLY_THERE || n != 2) {
        reply_problem(ask->reply, p);
        return false;
    }
    m = reply_text(reply_at(ask->reply, 0), &ret->result_json);
    s = reply_text(reply_at(ask->reply, 1), &ret->packed);
    if (m == REPLY_MISSING && s == REPLY_MISSING)
        return true;
    if (m != REPLY_THERE || s != REPLY_THERE || !state_unpack(ret->packed, &ret->state)) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    ret->exists = true;
    return true;
}

struct ask *student_ask_days(struct asks *a, struct str student, int32_t first, int count)
{
    struct str argv[1 + STUDENT_DAYS_MAX] = {STR("MGET")};

    if (!key_student_days(a->arena, student, first, count, argv + 1))
        a->failed = true;
    return ask_command(a, ASK_READ, 1 + count, argv);
}

bool student_read_days(const struct ask *ask, struct mastery_state *ret_days, size_t *ret_count,
                       struct problem *p)
{
    size_t n, count = 0;

    if (reply_array(ask->reply, STUDENT_DAYS_MAX, &n) != REPLY_THERE) {
        reply_problem(ask->reply, p);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct str packed;
        enum reply there = reply_text(reply_at(ask->reply, i), &packed);

        if (there == REPLY_MISSING)
            continue;
        if (there != REPLY_THERE || !state_unpack(packed, &ret_days[count])) {
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

/* Snapshots live until their day falls out of the history, markers until an event of their day
 * would be refused as too old anyway. */
static struct str expiry(struct arena *arena, int32_t day)
{
    return arena_printf(arena, "%lld", (long long)day_start_ms(day) / 1000);
}

static void fill_days(struct asks *a, const struct student_change *change, struct str packed,
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

struct ask *student_ask_change(struct asks *a, const struct student_change *change,
                               struct str *ret_packed)
{
    struct arena *arena = a->arena;
    int days = (int)change->day_count, marker = change->event_id.n > 0;
    int keys = 3 + days + marker, argc = keys + 5 + 2 * days;
    struct str *argv = arena_array(arena, (size_t)argc, sizeof(*argv)), *arg;

    if (!argv) {
        a->failed = true;
        return ask_script(a, &script_record, 0, 0, NULL);
    }
    argv[0] = key_student(arena, change->student, STUDENT_KEY_PROFILE);
    argv[1] = key_student(arena, change->student, STUDENT_KEY_ERASED);
    argv[2] = key_journal(arena, change->student);
    if (marker)
        argv[keys - 1] = key_student_event(arena, change->student, change->event_id);
    arg = argv + keys;
    *ret_packed = pack(arena, &change->days[days - 1]);
    arg[0] = change->expected;
    arg[1] = *ret_packed;
    arg[2] = change->result_json;
    arg[3] = change->journal;
    arg[4] = expiry(arena, change->event_day + HISTORY_DAYS + 2);
    fill_days(a, change, *ret_packed, argv + 3, arg + 5);
    return ask_script(a, &script_record, keys, argc, argv);
}

enum change_outcome student_read_change(const struct ask *ask, struct str *ret_packed,
                                        struct problem *p)
{
    int64_t made;

    if (reply_text(ask->reply, ret_packed) == REPLY_THERE)
        return CHANGE_OUTDATED;
    if (reply_int(ask->reply, &made) == REPLY_THERE)
        return made == 1 ? CHANGE_MADE : made == 2 ? CHANGE_DUPLICATE : CHANGE_ERASED;
    reply_problem(ask->reply, p);
    return CHANGE_PROBLEM;
}

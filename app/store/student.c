/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/student.h"

#include "app/base/clock.h"
#include "app/store/keys.h"
#include "app/store/reply.h"

/* KEYS: profile, tombstone, journal, then a key a day. ARGV: expected state, new state, result,
 * journal entry, then a snapshot and its expiry (epoch seconds) a day.
 * Answers 1 when made, 0 when the student is erased, else the state that is there now. A student
 * that exists is not erased (erasing deletes the profile), so the tombstone is looked at only for
 * one that does not. */
struct script script_record = {
    .name = "record",
    .body = STR_INIT("local s = redis.call('HGET', KEYS[1], 's') or ''\n"
                     "if s ~= ARGV[1] then return s end\n"
                     "if s == '' and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end\n"
                     "redis.call('HSET', KEYS[1], 'm', ARGV[3], 's', ARGV[2])\n"
                     "for i = 4, #KEYS do\n"
                     "  redis.call('SET', KEYS[i], ARGV[2 * i - 3], 'EXAT', ARGV[2 * i - 2])\n"
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
    struct str argv[1 + HISTORY_DAYS] = {STR("MGET")};

    if (!key_student_days(a->arena, student, first, count, argv + 1))
        a->failed = true;
    return ask_command(a, ASK_READ, 1 + count, argv);
}

bool student_read_days(const struct ask *ask, struct mastery_state *ret_days, size_t *ret_count,
                       struct problem *p)
{
    size_t n, count = 0;

    if (reply_array(ask->reply, HISTORY_DAYS, &n) != REPLY_THERE) {
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

struct ask *student_ask_change(struct asks *a, const struct student_change *change,
                               struct str *ret_packed)
{
    struct arena *arena = a->arena;
    int days = (int)change->day_count, keys = 3 + days, argc = keys + 4 + 2 * days;
    struct str *argv = arena_array(arena, (size_t)argc, sizeof(*argv)), *arg;

    if (!argv) {
        a->failed = true;
        argc = keys = 0;
        return ask_script(a, &script_record, keys, argc, NULL);
    }
    argv[0] = key_student(arena, change->student, STUDENT_KEY_PROFILE);
    argv[1] = key_student(arena, change->student, STUDENT_KEY_ERASED);
    argv[2] = key_journal(arena, change->student);
    arg = argv + keys;
    *ret_packed = pack(arena, &change->days[days - 1]);
    arg[0] = change->expected;
    arg[1] = *ret_packed;
    arg[2] = change->result_json;
    arg[3] = change->journal;
    for (int i = 0; i < days; i++) {
        const struct mastery_state *day = &change->days[i];

        if (!key_student_days(arena, change->student, day->day, 1, &argv[3 + i]))
            a->failed = true;
        arg[4 + 2 * i] = i == days - 1 ? *ret_packed : pack(arena, day);
        arg[5 + 2 * i] =
            arena_printf(arena, "%lld", (long long)day_start_ms(day->day + HISTORY_DAYS) / 1000);
    }
    return ask_script(a, &script_record, keys, argc, argv);
}

enum change_outcome student_read_change(const struct ask *ask, struct str *ret_packed,
                                        struct problem *p)
{
    int64_t made;

    if (reply_text(ask->reply, ret_packed) == REPLY_THERE)
        return CHANGE_OUTDATED;
    if (reply_int(ask->reply, &made) == REPLY_THERE)
        return made ? CHANGE_MADE : CHANGE_ERASED;
    reply_problem(ask->reply, p);
    return CHANGE_PROBLEM;
}

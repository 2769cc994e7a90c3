/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/erasure.h"

#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/domain/mastery.h"
#include "app/store/reply.h"

/* Days of a daily kind that can be there: those kept, and what clocks that differ may have made. */
enum { DAYS_BACK = HISTORY_DAYS + 4, DAYS = DAYS_BACK + 4 };
enum { FIXED_KEYS = 5, FIXED_ARGS = 3 + ERASURE_RECORD + 4, GROUPS = ERASED_INDEX + 1 };

static struct str number(struct asks *a, int64_t value)
{
    return arena_printf(a->arena, "%lld", (long long)value);
}

/* ---- looking ---- */

struct ask *erasure_ask_begun(struct asks *a, struct str student)
{
    return ask_command(
        a, ASK_READ, 2,
        (struct str[]){STR("GET"), key_student(a->arena, student, STUDENT_KEY_ERASED)});
}

bool erasure_read_begun(const struct ask *ask, bool *ret_begun, struct problem *p)
{
    struct str tombstone;
    enum reply there = reply_text(ask->reply, &tombstone);

    *ret_begun = there == REPLY_THERE;
    if (there == REPLY_ERROR)
        reply_problem(ask->reply, p);
    return there != REPLY_ERROR;
}

void erasure_ask_look(struct asks *a, struct str student, struct erasure_look *ret)
{
    ret->token = ask_command(
        a, ASK_READ, 2,
        (struct str[]){STR("GET"), key_student(a->arena, student, STUDENT_KEY_RECOMMENDED)});
    ret->tombstone = erasure_ask_begun(a, student);
}

bool erasure_read_look(const struct erasure_look *look, struct str *ret_token, bool *ret_begun,
                       struct problem *p)
{
    struct str token = STR("");

    (void)erasure_read_begun(look->tombstone, ret_begun, p);
    if (reply_text(look->token->reply, &token) == REPLY_ERROR)
        reply_problem(look->token->reply, p);
    *ret_token = str_cut(&token, '\n');
    return p->code == PROBLEM_NONE;
}

/* ---- the shard ---- */

/* The keys of a kind that go in the shard's script; returns how many. */
static int put_keys(struct asks *a, const struct erasure_shard *e, size_t kind, struct str *keys)
{
    if (kind == STUDENT_KEY_ERASED || kind == STUDENT_KEY_IDEMPOTENCY)
        return 0;
    if (student_kinds[kind].family == KEY_SINGLE) {
        keys[0] = key_of_kind(a->arena, e->student, &student_kinds[kind]);
        return 1;
    }
    if (!key_days_of_kind(a->arena, e->student, &student_kinds[kind], e->today - DAYS_BACK, DAYS,
                          keys))
        a->failed = true;
    return DAYS;
}

struct ask *erasure_ask_shard(struct asks *a, const struct erasure_shard *e)
{
    enum { KEYS_MAX = FIXED_KEYS + STUDENT_KEY_COUNT * DAYS + 1 };
    struct str *argv = arena_array(a->arena, KEYS_MAX + FIXED_ARGS + GROUPS, sizeof(*argv));
    struct str groups[GROUPS], *arg;
    unsigned shard = key_shard(e->student);
    int keys = 0, n;

    if (!argv) {
        a->failed = true;
        return ask_script(a, &script_erase, 0, 0, NULL);
    }
    argv[keys++] = key_student(a->arena, e->student, STUDENT_KEY_ERASED);
    argv[keys++] = key_shard_record(a->arena, shard, SHARD_KEY_JOURNAL);
    argv[keys++] = key_shard_record(a->arena, shard, SHARD_KEY_OUTBOX);
    argv[keys++] = key_shard_record(a->arena, shard, SHARD_KEY_AUDIT);
    argv[keys++] = key_student(a->arena, e->student, STUDENT_KEY_RECOMMENDED);
    for (size_t kind = 0; kind < STUDENT_KEY_COUNT; kind++, keys += n) {
        n = put_keys(a, e, kind, argv + keys);
        groups[kind] = number(a, n);
    }
    n = e->token.n > 0;
    if (n)
        argv[keys++] = key_recommended(a->arena, e->token);
    groups[ERASED_INDEX] = number(a, n);
    arg = argv + keys;
    *arg++ = e->student;
    *arg++ = e->dry ? STR("1") : STR("0");
    *arg++ = e->token.p ? e->token : STR("");
    arg = mempcpy(arg, e->record, sizeof(e->record));
    for (int i = 0; i < 2; i++) {
        *arg++ = e->swept[i].seen.p ? e->swept[i].seen : STR("");
        *arg++ = e->swept[i].removed ? STR("1") : STR("0");
    }
    arg = mempcpy(arg, groups, sizeof(groups));
    return ask_script(a, &script_erase, keys, (int)(arg - argv), argv);
}

enum erasure_outcome erasure_read_shard(const struct ask *ask, int64_t ret_counts[ERASED_IN_SHARD],
                                        struct problem *p)
{
    int64_t again;
    size_t n = 0;

    if (reply_int(ask->reply, &again) == REPLY_THERE)
        return ERASURE_AGAIN;
    if (reply_array(ask->reply, ERASED_IN_SHARD, &n) != REPLY_THERE || n != ERASED_IN_SHARD)
        reply_problem(ask->reply, p);
    for (size_t i = 0; i < n && p->code == PROBLEM_NONE; i++) {
        if (reply_int(reply_at(ask->reply, i), &ret_counts[i]) != REPLY_THERE)
            reply_problem(ask->reply, p);
    }
    return p->code == PROBLEM_NONE ? ERASURE_DONE : ERASURE_PROBLEM;
}

struct ask *erasure_ask_records(struct asks *a, struct str student, int64_t offset, int count)
{
    struct str key = key_student(a->arena, student, STUDENT_KEY_IDEMPOTENCY);

    return ask_command(
        a, ASK_READ, 4,
        (struct str[]){STR("ZRANGE"), key, number(a, offset), number(a, offset + count - 1)});
}

void erasure_ask_finish(struct asks *a, struct str student, int64_t tombstone_s)
{
    (void)ask_script(a, &script_erased, 2, 3,
                     (struct str[]){key_student(a->arena, student, STUDENT_KEY_IDEMPOTENCY),
                                    key_student(a->arena, student, STUDENT_KEY_ERASED),
                                    number(a, tombstone_s)});
}

/* ---- rosters ---- */

struct ask *erasure_ask_cohorts(struct asks *a, struct str behind, int count)
{
    struct str from = arena_printf(a->arena, "%s%.*s", behind.n > 0 ? "(" : "-", STR_ARG(behind));

    return ask_command(a, ASK_READ, 8,
                       (struct str[]){STR("ZRANGE"), key_cohorts, from, STR("+"), STR("BYLEX"),
                                      STR("LIMIT"), STR("0"), number(a, count)});
}

struct ask *erasure_ask_cohort(struct asks *a, struct str cohort, struct str student, bool dry,
                               int64_t now_ms)
{
    return ask_script(a, &script_leave_cohort, 1, 4,
                      (struct str[]){key_cohort(a->arena, cohort), student,
                                     dry ? STR("1") : STR("0"), number(a, now_ms)});
}

/* ---- those under way ---- */

void erasure_ask_note(struct asks *a, struct str student, int64_t now_ms)
{
    (void)ask_command(a, ASK_WRITE, 4,
                      (struct str[]){STR("ZADD"), key_erasures, number(a, now_ms), student});
}

void erasure_ask_forget(struct asks *a, struct str student)
{
    (void)ask_command(a, ASK_WRITE, 3, (struct str[]){STR("ZREM"), key_erasures, student});
}

struct ask *erasure_ask_unfinished(struct asks *a, int64_t before_ms)
{
    return ask_command(a, ASK_READ, 8,
                       (struct str[]){STR("ZRANGE"), key_erasures, STR("-inf"),
                                      number(a, before_ms), STR("BYSCORE"), STR("LIMIT"), STR("0"),
                                      number(a, ERASURES_UNFINISHED_MAX)});
}

size_t erasure_read_unfinished(const struct ask *ask, struct str *ret_students)
{
    size_t n = 0, there = 0;

    (void)reply_array(ask->reply, ERASURES_UNFINISHED_MAX, &there);
    for (size_t i = 0; i < there; i++)
        n += reply_text(reply_at(ask->reply, i), &ret_students[n]) == REPLY_THERE;
    return n;
}

/* ---- traces ---- */

void erasure_ask_make_anew(struct asks *a, struct str stream)
{
    (void)ask_script(a, &script_make_anew, 1, 1, (struct str[]){stream});
}

void erasure_ask_traces(struct asks *a, struct ask **ret_rewrite)
{
    (void)ask_command(a, ASK_WRITE, 2, (struct str[]){STR("SLOWLOG"), STR("RESET")});
    *ret_rewrite = ask_command(a, ASK_WRITE, 1, (struct str[]){STR("BGREWRITEAOF")});
}

bool erasure_read_rewrite(const struct ask *ask)
{
    return reply_done(ask->reply) == REPLY_THERE;
}

/* No wish is like another: one that comes while the file is being written anew is not the one that
 * is granted by it. */
void erasure_ask_rewrite_later(struct asks *a)
{
    char wish[UUID_TEXT_SIZE];

    uuid_make(wish);
    (void)ask_command(a, ASK_WRITE, 3,
                      (struct str[]){STR("SET"), key_rewrite, arena_printf(a->arena, "%s", wish)});
}

struct ask *erasure_ask_rewrite_due(struct asks *a)
{
    return ask_command(a, ASK_READ, 2, (struct str[]){STR("GET"), key_rewrite});
}

bool erasure_read_rewrite_due(const struct ask *ask, struct str *ret_wish)
{
    return reply_text(ask->reply, ret_wish) == REPLY_THERE;
}

void erasure_ask_rewrite_begun(struct asks *a, struct str wish)
{
    (void)ask_script(a, &script_unlock, 1, 2, (struct str[]){key_rewrite, wish});
}

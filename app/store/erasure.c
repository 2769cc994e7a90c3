/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/erasure.h"

#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/domain/mastery.h"
#include "app/store/reply.h"

/* Days of a daily kind that can be there: those kept, and what clocks that differ may have made. */
enum { DAYS_BACK = HISTORY_DAYS + 4, DAYS = DAYS_BACK + 4 };
enum { FIXED_KEYS = 5, FIXED_ARGS = 3 + ERASURE_RECORD_FIELDS + 4, GROUPS = ERASED_INDEX + 1 };

static struct str number(struct pipeline *a, int64_t value)
{
    return arena_printf(a->arena, "%lld", (long long)value);
}

/* ---- looking ---- */

struct command *erasure_cmd_tombstone(struct pipeline *a, struct str student)
{
    return pipeline_add(
        a, COMMAND_READ, 2,
        (struct str[]){STR("GET"), key_student(a->arena, student, STUDENT_KEY_ERASED)});
}

bool erasure_parse_tombstone(const struct command *command, bool *ret_begun, struct problem *p)
{
    struct str tombstone;
    enum reply_result there = reply_text(command->reply, &tombstone);

    *ret_begun = there == REPLY_OK;
    if (there == REPLY_ERROR)
        reply_problem(command->reply, p);
    return there != REPLY_ERROR;
}

void erasure_cmd_lookup(struct pipeline *a, struct str student, struct erasure_lookup *ret)
{
    ret->token = pipeline_add(
        a, COMMAND_READ, 2,
        (struct str[]){STR("GET"), key_student(a->arena, student, STUDENT_KEY_RECOMMENDED)});
    ret->tombstone = erasure_cmd_tombstone(a, student);
}

bool erasure_parse_lookup(const struct erasure_lookup *look, struct str *ret_token, bool *ret_begun,
                          struct problem *p)
{
    struct str token = STR("");

    (void)erasure_parse_tombstone(look->tombstone, ret_begun, p);
    if (reply_text(look->token->reply, &token) == REPLY_ERROR)
        reply_problem(look->token->reply, p);
    *ret_token = str_cut(&token, '\n');
    return p->code == PROBLEM_NONE;
}

/* ---- the shard ---- */

/* The keys of a kind that go in the shard's script; returns how many. */
static int put_keys(struct pipeline *a, const struct erasure_shard *e, size_t kind,
                    struct str *keys)
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

struct command *erasure_cmd_shard(struct pipeline *a, const struct erasure_shard *e)
{
    enum { KEYS_MAX = FIXED_KEYS + STUDENT_KEY_COUNT * DAYS + 1 };
    struct str *argv = arena_array(a->arena, KEYS_MAX + FIXED_ARGS + GROUPS, sizeof(*argv));
    struct str groups[GROUPS], *arg;
    unsigned shard = key_shard(e->student);
    int keys = 0, n;

    if (!argv) {
        a->failed = true;
        return pipeline_add_script(a, &script_erasure_shard, 0, 0, NULL);
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
    *arg++ = e->dry_run ? STR("1") : STR("0");
    *arg++ = e->token.p ? e->token : STR("");
    arg = mempcpy(arg, e->record, sizeof(e->record));
    for (int i = 0; i < 2; i++) {
        *arg++ = e->swept[i].seen.p ? e->swept[i].seen : STR("");
        *arg++ = e->swept[i].removed ? STR("1") : STR("0");
    }
    arg = mempcpy(arg, groups, sizeof(groups));
    return pipeline_add_script(a, &script_erasure_shard, keys, (int)(arg - argv), argv);
}

enum erasure_outcome erasure_parse_shard(const struct command *command,
                                         int64_t ret_counts[ERASED_COUNTS], struct problem *p)
{
    int64_t again;
    size_t n = 0;

    if (reply_int(command->reply, &again) == REPLY_OK)
        return ERASURE_RETRY;
    if (reply_array(command->reply, ERASED_COUNTS, &n) != REPLY_OK || n != ERASED_COUNTS)
        reply_problem(command->reply, p);
    for (size_t i = 0; i < n && p->code == PROBLEM_NONE; i++) {
        if (reply_int(reply_at(command->reply, i), &ret_counts[i]) != REPLY_OK)
            reply_problem(command->reply, p);
    }
    return p->code == PROBLEM_NONE ? ERASURE_DONE : ERASURE_PROBLEM;
}

struct command *erasure_cmd_idempotency_keys(struct pipeline *a, struct str student, int64_t offset,
                                             int count)
{
    struct str key = key_student(a->arena, student, STUDENT_KEY_IDEMPOTENCY);

    return pipeline_add(
        a, COMMAND_READ, 4,
        (struct str[]){STR("ZRANGE"), key, number(a, offset), number(a, offset + count - 1)});
}

void erasure_cmd_finish(struct pipeline *a, struct str student, int64_t tombstone_s)
{
    (void)pipeline_add_script(
        a, &script_erasure_finish, 2, 3,
        (struct str[]){key_student(a->arena, student, STUDENT_KEY_IDEMPOTENCY),
                       key_student(a->arena, student, STUDENT_KEY_ERASED), number(a, tombstone_s)});
}

/* ---- rosters ---- */

struct command *erasure_cmd_cohorts(struct pipeline *a, struct str behind, int count)
{
    struct str from = arena_printf(a->arena, "%s%.*s", behind.n > 0 ? "(" : "-", STR_ARG(behind));

    return pipeline_add(a, COMMAND_READ, 8,
                        (struct str[]){STR("ZRANGE"), key_cohorts, from, STR("+"), STR("BYLEX"),
                                       STR("LIMIT"), STR("0"), number(a, count)});
}

struct command *erasure_cmd_leave_cohort(struct pipeline *a, struct str cohort, struct str student,
                                         bool dry, int64_t now_ms)
{
    return pipeline_add_script(a, &script_erasure_leave_cohort, 1, 4,
                               (struct str[]){key_cohort(a->arena, cohort), student,
                                              dry ? STR("1") : STR("0"), number(a, now_ms)});
}

/* ---- those under way ---- */

void erasure_cmd_register(struct pipeline *a, struct str student, int64_t now_ms)
{
    (void)pipeline_add(a, COMMAND_WRITE, 4,
                       (struct str[]){STR("ZADD"), key_erasures, number(a, now_ms), student});
}

void erasure_cmd_unregister(struct pipeline *a, struct str student)
{
    (void)pipeline_add(a, COMMAND_WRITE, 3, (struct str[]){STR("ZREM"), key_erasures, student});
}

struct command *erasure_cmd_unfinished(struct pipeline *a, int64_t before_ms)
{
    return pipeline_add(a, COMMAND_READ, 8,
                        (struct str[]){STR("ZRANGE"), key_erasures, STR("-inf"),
                                       number(a, before_ms), STR("BYSCORE"), STR("LIMIT"), STR("0"),
                                       number(a, ERASURES_UNFINISHED_MAX)});
}

size_t erasure_parse_unfinished(const struct command *command, struct str *ret_students)
{
    size_t n = 0, there = 0;

    (void)reply_array(command->reply, ERASURES_UNFINISHED_MAX, &there);
    for (size_t i = 0; i < there; i++)
        n += reply_text(reply_at(command->reply, i), &ret_students[n]) == REPLY_OK;
    return n;
}

/* ---- traces ---- */

void erasure_cmd_rebuild_stream(struct pipeline *a, struct str stream)
{
    (void)pipeline_add_script(a, &script_erasure_rebuild_stream, 1, 1, (struct str[]){stream});
}

void erasure_cmd_purge_traces(struct pipeline *a, struct command **ret_rewrite)
{
    (void)pipeline_add(a, COMMAND_WRITE, 2, (struct str[]){STR("SLOWLOG"), STR("RESET")});
    *ret_rewrite = pipeline_add(a, COMMAND_WRITE, 1, (struct str[]){STR("BGREWRITEAOF")});
}

bool erasure_parse_aof_rewrite(const struct command *command)
{
    return reply_status(command->reply) == REPLY_OK;
}

/* No wish is like another: one that comes while the file is being written anew is not the one that
 * is granted by it. */
void erasure_cmd_request_aof_rewrite(struct pipeline *a)
{
    char wish[UUID_TEXT_SIZE];

    uuid_make(wish);
    (void)pipeline_add(
        a, COMMAND_WRITE, 3,
        (struct str[]){STR("SET"), key_aof_rewrite, arena_printf(a->arena, "%s", wish)});
}

struct command *erasure_cmd_get_aof_request(struct pipeline *a)
{
    return pipeline_add(a, COMMAND_READ, 2, (struct str[]){STR("GET"), key_aof_rewrite});
}

bool erasure_parse_aof_request(const struct command *command, struct str *ret_wish)
{
    return reply_text(command->reply, ret_wish) == REPLY_OK;
}

void erasure_cmd_clear_aof_request(struct pipeline *a, struct str wish)
{
    (void)pipeline_add_script(a, &script_delete_if_equal, 1, 2,
                              (struct str[]){key_aof_rewrite, wish});
}

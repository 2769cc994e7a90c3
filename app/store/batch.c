/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/batch.h"

#include "app/base/clock.h"
#include "app/store/batch_internal.h"
#include "app/store/keys.h"

const char *const batch_status_names[BATCH_STATUSES + 1] = {
    [BATCH_PENDING] = "pending", [BATCH_PROCESSING] = "processing", [BATCH_COMPLETED] = "completed",
    [BATCH_FAILED] = "failed",   [BATCH_CANCELLED] = "cancelled",   [BATCH_STATUSES] = NULL,
};

const char *const batch_priority_names[QUEUE_PRIORITIES + 1] = {
    [QUEUE_HIGH] = "high",
    [QUEUE_NORMAL] = "normal",
    [QUEUE_LOW] = "low",
    [QUEUE_PRIORITIES] = NULL,
};

/* KEYS: job, students, items, results. ARGV: until (epoch seconds), 2 if something is stated about
 * the students and 1 if not, six facts with their names, then the students, each with what is
 * stated. Answers 1 when made, 0 when it was there before. */
enum { CREATE_FIELDS = 6, CREATE_HEAD = 2 + 2 * CREATE_FIELDS };
static struct str number(struct pipeline *a, int64_t value)
{
    return arena_printf(a->arena, "%lld", (long long)value);
}

/* ---- making one ---- */

static void ask_index(struct pipeline *a, struct str id, int64_t now_ms)
{
    (void)pipeline_add(a, COMMAND_WRITE, 4,
                       (struct str[]){STR("ZADD"), key_batches, number(a, now_ms), id});
    (void)pipeline_add(a, COMMAND_WRITE, 4,
                       (struct str[]){STR("ZREMRANGEBYSCORE"), key_batches, STR("-inf"),
                                      number(a, now_ms - BATCH_TTL_MS)});
}

static void ask_jobs(struct pipeline *a, struct str id, const struct batch *b, size_t n)
{
    for (int lane = 0; lane < BATCH_LANES && (size_t)lane * BATCH_CHUNK < n; lane++)
        queue_cmd_add(a, b->priority, STR("batch"),
                      batch_job_body(a->arena, id, (int64_t)lane * BATCH_CHUNK));
}

static struct str or_empty(struct str text)
{
    return text.n > 0 ? text : STR("");
}

static struct str until(struct pipeline *a, const struct batch *b)
{
    return number(a, (b->created_ms + BATCH_TTL_MS) / 1000);
}

/* Into the list of all first: an erasure that does not find it there has been before it. */
struct command *batch_cmd_create(struct pipeline *a, struct str id, const struct batch *b,
                                 const struct batch_item *items, size_t n)
{
    bool stated = n > 0 && items[0].stated;
    int argc = BATCH_KEYS + CREATE_HEAD + (int)n * (stated ? 2 : 1);
    struct str *argv = arena_array(a->arena, (size_t)argc, sizeof(*argv)), *arg;
    const struct str head[CREATE_HEAD] = {
        until(a, b),        stated ? STR("2") : STR("1"),
        STR("priority"),    str_of(batch_priority_names[b->priority]),
        STR("created"),     number(a, b->created_ms),
        STR("actor"),       b->actor,
        STR("correlation"), b->correlation_id,
        STR("traceparent"), or_empty(b->traceparent),
        STR("callback"),    or_empty(b->callback_url),
    };
    struct command *command;

    if (!argv) {
        a->failed = true;
        argc = 0;
    } else {
        batch_put_keys(a, id, argv);
        arg = mempcpy(argv + BATCH_KEYS, head, sizeof(head));
        for (size_t i = 0; i < n; i++) {
            *arg++ = items[i].student;
            if (stated)
                *arg++ = batch_print_item(a->arena, &items[i]);
        }
    }
    ask_index(a, id, b->created_ms);
    command = pipeline_add_script(a, &script_batch_create, BATCH_KEYS, argc, argv);
    ask_jobs(a, id, b, n);
    return command;
}

bool batch_parse_int(const struct command *command, int64_t *ret, struct problem *p)
{
    if (reply_int(command->reply, ret) == REPLY_OK)
        return true;
    reply_problem(command->reply, p);
    return false;
}

bool batch_parse_create(const struct command *command, bool *ret_made, struct problem *p)
{
    int64_t made = 0;
    bool there = batch_parse_int(command, &made, p);

    *ret_made = made == 1;
    return there;
}

/* ---- looking at one ---- */

struct command *batch_cmd_get(struct pipeline *a, struct str id)
{
    static const struct str names[] = {BATCH_FIELDS(BATCH_FIELD_STR)};
    struct str argv[2 + BATCH_FIELD_COUNT] = {STR("HMGET"),
                                              key_batch(a->arena, id, BATCH_KEY_STATE)};

    memcpy(argv + 2, names, sizeof(names));
    return pipeline_add(a, COMMAND_READ, 2 + BATCH_FIELD_COUNT, argv);
}

static bool read_word(const redisReply *reply, const char *const *words, int *ret)
{
    struct str text;

    if (reply_text(reply, &text) != REPLY_OK)
        return false;
    for (*ret = 0; words[*ret]; ++*ret) {
        if (str_equal(text, str_of(words[*ret])))
            return true;
    }
    return false;
}

/* Absent: 0. */
static bool read_number(const redisReply *reply, int64_t *ret)
{
    struct str text;
    enum reply_result there = reply_text(reply, &text);

    *ret = 0;
    return there == REPLY_MISSING || (there == REPLY_OK && str_to_int64(text, 0, INT64_MAX, ret));
}

static bool read_facts(const redisReply *r, struct batch *ret)
{
    int64_t *const numbers[] = {&ret->total,      &ret->processed,  &ret->failed,
                                &ret->created_ms, &ret->started_ms, &ret->completed_ms};
    struct str *const texts[] = {&ret->actor, &ret->correlation_id, &ret->traceparent,
                                 &ret->callback_url};
    const size_t number_count = sizeof(numbers) / sizeof(numbers[0]);
    int status, priority;

    if (!read_word(reply_at(r, 0), batch_status_names, &status) ||
        !read_word(reply_at(r, 1), batch_priority_names, &priority))
        return false;
    ret->status = (enum batch_status)status;
    ret->priority = (enum queue_priority)priority;
    for (size_t i = 0; i < number_count; i++) {
        if (!read_number(reply_at(r, 2 + i), numbers[i]))
            return false;
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (reply_text(reply_at(r, 2 + number_count + i), texts[i]) != REPLY_OK)
            return false;
    }
    return true;
}

bool batch_parse_fields(const redisReply *reply, struct batch *ret, struct problem *p)
{
    struct str status;
    size_t n;

    *ret = (struct batch){0};
    if (reply_array(reply, BATCH_FIELD_COUNT, &n) != REPLY_OK || n != BATCH_FIELD_COUNT) {
        reply_problem(reply, p);
        return false;
    }
    ret->exists = reply_text(reply_at(reply, 0), &status) != REPLY_MISSING;
    if (!ret->exists || read_facts(reply, ret))
        return true;
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

bool batch_parse(const struct command *command, struct batch *ret, struct problem *p)
{
    return batch_parse_fields(command->reply, ret, p);
}

/* ---- ending one before its time ---- */

struct command *batch_cmd_cancel(struct pipeline *a, struct str id, int64_t now_ms)
{
    return pipeline_add_script(a, &script_batch_end, 1, 3,
                               (struct str[]){key_batch(a->arena, id, BATCH_KEY_STATE),
                                              number(a, now_ms),
                                              str_of(batch_status_names[BATCH_CANCELLED])});
}

struct command *batch_cmd_fail(struct pipeline *a, struct str id, int64_t from, int64_t now_ms)
{
    return pipeline_add_script(
        a, &script_batch_end, 1, 4,
        (struct str[]){key_batch(a->arena, id, BATCH_KEY_STATE), number(a, now_ms),
                       str_of(batch_status_names[BATCH_FAILED]), number(a, from)});
}

bool batch_parse_fail(const struct command *command, bool *ret_changed, bool *ret_must_call,
                      struct problem *p)
{
    int64_t answer = 0;
    bool there = batch_parse_int(command, &answer, p);

    *ret_changed = answer == 1;
    *ret_must_call = answer > 0;
    return there;
}

bool batch_parse_cancel(const struct command *command, bool *ret_changed, struct problem *p)
{
    bool must_call;

    return batch_parse_fail(command, ret_changed, &must_call, p);
}

/* ---- results: '+' and the MasteryResult, or '-' and the message ---- */

struct command *batch_cmd_results(struct pipeline *a, struct str id, int64_t offset, int64_t limit)
{
    struct str argv[] = {
        key_batch(a->arena, id, BATCH_KEY_STATE), key_batch(a->arena, id, BATCH_KEY_STUDENTS),
        key_batch(a->arena, id, BATCH_KEY_RESULTS), number(a, offset), number(a, limit)};

    return pipeline_add_read_script(a, &script_batch_results, 3, 5, argv);
}

static bool read_result(const redisReply *student, const redisReply *text, struct batch_result *ret)
{
    struct str result;

    if (reply_text(student, &ret->student) != REPLY_OK || reply_text(text, &result) != REPLY_OK ||
        result.n == 0 || (result.p[0] != '+' && result.p[0] != '-'))
        return false;
    ret->success = result.p[0] == '+';
    ret->text = (struct str){result.p + 1, result.n - 1};
    return true;
}

bool batch_parse_results(const struct command *command, size_t limit, bool *ret_exists,
                         int64_t *ret_total, struct batch_result *ret_results, size_t *ret_count,
                         struct problem *p)
{
    const redisReply *r = command->reply;
    enum reply_result there;
    size_t n;

    *ret_count = 0;
    there = reply_array(r, 1 + 2 * limit, &n);
    *ret_exists = there != REPLY_MISSING;
    if (there == REPLY_MISSING)
        return true;
    if (there != REPLY_OK || n % 2 != 1) {
        reply_problem(r, p);
        return false;
    }
    if (reply_int(reply_at(r, 0), ret_total) != REPLY_OK)
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    for (size_t i = 1; i < n; i += 2) {
        if (!read_result(reply_at(r, i), reply_at(r, i + 1), &ret_results[(*ret_count)++]))
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    }
    return p->code == PROBLEM_NONE;
}

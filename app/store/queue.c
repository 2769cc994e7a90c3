/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/queue.h"

#include "app/store/keys.h"

#define GROUP STR("workers")

static struct str number(struct asks *a, int64_t value)
{
    return arena_printf(a->arena, "%lld", (long long)value);
}

void queue_ask_add(struct asks *a, enum queue_level level, struct str kind, struct str body)
{
    (void)ask_command(a, ASK_WRITE, 9,
                      (struct str[]){STR("XADD"), key_queues[level], STR("*"), STR("k"), kind,
                                     STR("b"), body, STR("t"), STR("0")});
}

struct ask *queue_ask_take(struct asks *a, struct str worker, size_t room,
                           const size_t first[QUEUE_LEVELS])
{
    struct str argv[QUEUE_LEVELS + 6];
    int n = 0;

    for (int level = 0; level < QUEUE_LEVELS; level++)
        argv[n++] = key_queues[level];
    argv[n++] = GROUP;
    argv[n++] = worker;
    argv[n++] = number(a, (int64_t)room);
    for (int level = 0; level < QUEUE_LEVELS; level++)
        argv[n++] = number(a, (int64_t)first[level]);
    return ask_script(a, &script_take, QUEUE_LEVELS, n, argv);
}

struct ask *queue_ask_claim(struct asks *a, struct str worker, size_t room, int64_t idle_ms)
{
    struct str argv[] = {
        key_queues[QUEUE_HIGH],   key_queues[QUEUE_NORMAL], key_queues[QUEUE_LOW], GROUP, worker,
        number(a, (int64_t)room), number(a, idle_ms)};

    return ask_script(a, &script_claim, QUEUE_LEVELS, 7, argv);
}

/* level, id, fields, deliveries */
static bool read_job(const redisReply *reply, struct queue_job *ret)
{
    struct stream_entry entry = {.fields = reply_at(reply, 2)};
    struct str tries = STR("0");
    int64_t level, deliveries;

    *ret = (struct queue_job){.kind = STR(""), .body = STR("")};
    if (reply_int(reply_at(reply, 0), &level) != REPLY_THERE || level < 0 ||
        level >= QUEUE_LEVELS || reply_text(reply_at(reply, 1), &ret->id) != REPLY_THERE ||
        reply_int(reply_at(reply, 3), &deliveries) != REPLY_THERE)
        return false;
    ret->level = (enum queue_level)level;
    (void)stream_field(&entry, STR("k"), &ret->kind);
    (void)stream_field(&entry, STR("b"), &ret->body);
    (void)stream_field(&entry, STR("t"), &tries);
    (void)str_to_int64(tries, 0, INT32_MAX, &ret->tries);
    ret->tries += deliveries - 1;
    return true;
}

bool queue_read_jobs(const struct ask *ask, struct queue_job *ret_jobs, size_t *ret_count,
                     struct problem *p)
{
    size_t n;

    if (reply_array(ask->reply, QUEUE_TAKE_MAX, &n) != REPLY_THERE) {
        reply_problem(ask->reply, p);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!read_job(reply_at(ask->reply, i), &ret_jobs[i])) {
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
            return false;
        }
    }
    *ret_count = n;
    return true;
}

void queue_ask_keep(struct asks *a, struct str worker, const struct queue_job *job)
{
    (void)ask_script(a, &script_keep, 1, 4,
                     (struct str[]){key_queues[job->level], GROUP, worker, job->id});
}

static struct ask *ask_finish(struct asks *a, struct str worker, const struct queue_job *job,
                              struct str what, struct str first, struct str second)
{
    struct str argv[] = {
        key_queues[job->level], key_queue_later, GROUP, worker, job->id, what, first, second};

    return ask_script(a, &script_finish, 2, sizeof(argv) / sizeof(argv[0]), argv);
}

struct ask *queue_ask_finish(struct asks *a, struct str worker, const struct queue_job *job)
{
    return ask_finish(a, worker, job, STR(""), STR(""), STR(""));
}

void queue_ask_follow(struct asks *a, struct str worker, const struct queue_job *job,
                      struct str kind, struct str body)
{
    (void)ask_finish(a, worker, job, STR("next"), kind, body);
}

struct ask *queue_ask_put_off(struct asks *a, struct str worker, const struct queue_job *job,
                              int64_t due_ms)
{
    struct str again =
        arena_printf(a->arena, "%d %.*s %lld %.*s %.*s", (int)job->level, STR_ARG(job->kind),
                     (long long)job->tries + 1, STR_ARG(job->id), STR_ARG(job->body));

    return ask_finish(a, worker, job, STR("later"), number(a, due_ms), again);
}

void queue_ask_due(struct asks *a, int64_t now_ms)
{
    (void)ask_script(a, &script_due, 4, 6,
                     (struct str[]){key_queues[QUEUE_HIGH], key_queues[QUEUE_NORMAL],
                                    key_queues[QUEUE_LOW], key_queue_later, number(a, now_ms),
                                    number(a, QUEUE_TAKE_MAX)});
}

void queue_ask_leave(struct asks *a, struct str worker)
{
    (void)ask_script(a, &script_leave, QUEUE_LEVELS, 5,
                     (struct str[]){key_queues[QUEUE_HIGH], key_queues[QUEUE_NORMAL],
                                    key_queues[QUEUE_LOW], GROUP, worker});
}

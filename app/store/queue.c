/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/queue.h"

#include "app/store/keys.h"

#define GROUP STR("workers")

static struct str number(struct pipeline *a, int64_t value)
{
    return arena_printf(a->arena, "%lld", (long long)value);
}

void queue_cmd_add(struct pipeline *a, enum queue_priority level, struct str kind, struct str body)
{
    (void)pipeline_add(a, COMMAND_WRITE, 9,
                       (struct str[]){STR("XADD"), key_queues[level], STR("*"), STR("k"), kind,
                                      STR("b"), body, STR("t"), STR("0")});
}

struct command *queue_cmd_read(struct pipeline *a, struct str worker, size_t room,
                               const size_t first[QUEUE_PRIORITIES])
{
    struct str argv[QUEUE_PRIORITIES + 6];
    int n = 0;

    for (int level = 0; level < QUEUE_PRIORITIES; level++)
        argv[n++] = key_queues[level];
    argv[n++] = GROUP;
    argv[n++] = worker;
    argv[n++] = number(a, (int64_t)room);
    for (int level = 0; level < QUEUE_PRIORITIES; level++)
        argv[n++] = number(a, (int64_t)first[level]);
    return pipeline_add_script(a, &script_queue_read, QUEUE_PRIORITIES, n, argv);
}

struct command *queue_cmd_claim(struct pipeline *a, struct str worker, size_t room, int64_t idle_ms)
{
    struct str argv[] = {
        key_queues[QUEUE_HIGH],   key_queues[QUEUE_NORMAL], key_queues[QUEUE_LOW], GROUP, worker,
        number(a, (int64_t)room), number(a, idle_ms)};

    return pipeline_add_script(a, &script_queue_claim, QUEUE_PRIORITIES, 7, argv);
}

/* level, id, fields, deliveries */
static bool read_job(const redisReply *reply, struct queue_job *ret)
{
    struct stream_entry entry = {.fields = reply_at(reply, 2)};
    struct str tries = STR("0");
    int64_t level, deliveries;

    *ret = (struct queue_job){.kind = STR(""), .body = STR("")};
    if (reply_int(reply_at(reply, 0), &level) != REPLY_OK || level < 0 ||
        level >= QUEUE_PRIORITIES || reply_text(reply_at(reply, 1), &ret->id) != REPLY_OK ||
        reply_int(reply_at(reply, 3), &deliveries) != REPLY_OK)
        return false;
    ret->priority = (enum queue_priority)level;
    (void)stream_field(&entry, STR("k"), &ret->kind);
    (void)stream_field(&entry, STR("b"), &ret->body);
    (void)stream_field(&entry, STR("t"), &tries);
    (void)str_to_int64(tries, 0, INT32_MAX, &ret->attempts);
    ret->attempts += deliveries - 1;
    return true;
}

bool queue_parse_jobs(const struct command *command, struct queue_job *ret_jobs, size_t *ret_count,
                      struct problem *p)
{
    size_t n;

    if (reply_array(command->reply, QUEUE_READ_MAX, &n) != REPLY_OK) {
        reply_problem(command->reply, p);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!read_job(reply_at(command->reply, i), &ret_jobs[i])) {
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
            return false;
        }
    }
    *ret_count = n;
    return true;
}

void queue_cmd_renew(struct pipeline *a, struct str worker, const struct queue_job *job)
{
    (void)pipeline_add_script(a, &script_queue_renew, 1, 4,
                              (struct str[]){key_queues[job->priority], GROUP, worker, job->id});
}

static struct command *ask_finish(struct pipeline *a, struct str worker,
                                  const struct queue_job *job, struct str what, struct str first,
                                  struct str second)
{
    struct str argv[] = {
        key_queues[job->priority], key_queue_later, GROUP, worker, job->id, what, first, second};

    return pipeline_add_script(a, &script_queue_finish, 2, sizeof(argv) / sizeof(argv[0]), argv);
}

struct command *queue_cmd_finish(struct pipeline *a, struct str worker, const struct queue_job *job)
{
    return ask_finish(a, worker, job, STR(""), STR(""), STR(""));
}

void queue_cmd_replace(struct pipeline *a, struct str worker, const struct queue_job *job,
                       struct str kind, struct str body)
{
    (void)ask_finish(a, worker, job, STR("next"), kind, body);
}

struct command *queue_cmd_retry_later(struct pipeline *a, struct str worker,
                                      const struct queue_job *job, int64_t due_ms)
{
    struct str again =
        arena_printf(a->arena, "%d %.*s %lld %.*s %.*s", (int)job->priority, STR_ARG(job->kind),
                     (long long)job->attempts + 1, STR_ARG(job->id), STR_ARG(job->body));

    return ask_finish(a, worker, job, STR("later"), number(a, due_ms), again);
}

void queue_cmd_requeue_due(struct pipeline *a, int64_t now_ms)
{
    (void)pipeline_add_script(a, &script_queue_requeue_due, 4, 6,
                              (struct str[]){key_queues[QUEUE_HIGH], key_queues[QUEUE_NORMAL],
                                             key_queues[QUEUE_LOW], key_queue_later,
                                             number(a, now_ms), number(a, QUEUE_READ_MAX)});
}

void queue_cmd_remove_consumer(struct pipeline *a, struct str worker)
{
    (void)pipeline_add_script(a, &script_queue_remove_consumer, QUEUE_PRIORITIES, 5,
                              (struct str[]){key_queues[QUEUE_HIGH], key_queues[QUEUE_NORMAL],
                                             key_queues[QUEUE_LOW], GROUP, worker});
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs are entries of Redis streams. All changes that depend on the assignment of a job to a worker
 * are Lua scripts (queue_*.lua), so that check and change are one step. */
#include "app/store/queue.h"

#include "app/store/keys.h"

/* Name of the consumer group, to which all workers belong. */
#define QUEUE_GROUP STR("workers")

/* Appends a job with 0 failed attempts. The stream has no MAXLEN, because that could remove jobs
 * that were not run. */
void queue_cmd_add(struct pipeline *pipeline, enum queue_priority priority, struct str kind,
                   struct str body)
{
    (void)pipeline_add(pipeline, COMMAND_WRITE, 9,
                       (struct str[]){STR("XADD"), key_queues[priority], STR("*"), STR("k"), kind,
                                      STR("b"), body, STR("t"), STR("0")});
}

/* Calls queue_read.lua. Keys: the three streams. Arguments: group, worker, room, then the share of
 * each priority. */
struct command *queue_cmd_read(struct pipeline *pipeline, struct str worker, size_t room,
                               const size_t share[QUEUE_PRIORITIES])
{
    struct str argv[QUEUE_PRIORITIES + 6];
    int argc = 0;

    for (int priority = 0; priority < QUEUE_PRIORITIES; priority++)
        argv[argc++] = key_queues[priority];
    argv[argc++] = QUEUE_GROUP;
    argv[argc++] = worker;
    argv[argc++] = command_int(pipeline->arena, (int64_t)room);
    for (int priority = 0; priority < QUEUE_PRIORITIES; priority++)
        argv[argc++] = command_int(pipeline->arena, (int64_t)share[priority]);
    return pipeline_add_script(pipeline, &script_queue_read, QUEUE_PRIORITIES, argc, argv);
}

/* Calls queue_claim.lua. Keys: the three streams, which the script searches from high to low.
 * Arguments: group, worker, room, idle_ms. The script also removes from the group the names of
 * workers that have been idle for an hour and have no jobs. */
struct command *queue_cmd_claim(struct pipeline *pipeline, struct str worker, size_t room,
                                int64_t idle_ms)
{
    struct str argv[] = {key_queues[QUEUE_HIGH],
                         key_queues[QUEUE_NORMAL],
                         key_queues[QUEUE_LOW],
                         QUEUE_GROUP,
                         worker,
                         command_int(pipeline->arena, (int64_t)room),
                         command_int(pipeline->arena, idle_ms)};

    return pipeline_add_script(pipeline, &script_queue_claim, QUEUE_PRIORITIES, 7, argv);
}

/* Parses a job, [priority, id, fields, deliveries]. deliveries counts how often the job was
 * assigned to a worker. Each delivery before the present one counts as a failed attempt, because
 * its worker died. A missing field becomes an empty text, which no kind of job accepts. */
static bool queue_parse_job(const redisReply *reply, struct queue_job *ret)
{
    struct stream_entry entry = {.fields = reply_at(reply, 2)};
    struct str attempts = STR("0");
    int64_t priority, deliveries;

    *ret = (struct queue_job){.kind = STR(""), .body = STR("")};
    if (reply_int(reply_at(reply, 0), &priority) != REPLY_OK || priority < 0 ||
        priority >= QUEUE_PRIORITIES || reply_text(reply_at(reply, 1), &ret->id) != REPLY_OK ||
        reply_int(reply_at(reply, 3), &deliveries) != REPLY_OK)
        return false;
    ret->priority = (enum queue_priority)priority;
    (void)stream_field(&entry, STR("k"), &ret->kind);
    (void)stream_field(&entry, STR("b"), &ret->body);
    (void)stream_field(&entry, STR("t"), &attempts);
    (void)str_to_int64(attempts, 0, INT32_MAX, &ret->attempts);
    ret->attempts += deliveries - 1;
    return true;
}

/* Parses a list of jobs, the reply of both queue_read.lua and queue_claim.lua. */
bool queue_parse_jobs(const struct command *command, struct queue_job *ret_jobs, size_t *ret_count,
                      struct problem *p)
{
    size_t n;

    if (!reply_expect_array(command->reply, QUEUE_READ_MAX, &n, p))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!queue_parse_job(reply_at(command->reply, i), &ret_jobs[i])) {
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
            return false;
        }
    }
    *ret_count = n;
    return true;
}

void queue_cmd_renew(struct pipeline *pipeline, struct str worker, const struct queue_job *job)
{
    (void)pipeline_add_script(
        pipeline, &script_queue_renew, 1, 4,
        (struct str[]){key_queues[job->priority], QUEUE_GROUP, worker, job->id});
}

/* Ends the job and may queue another one. action and its two parameters (ARGV[4] to ARGV[6] of
 * queue_finish.lua): "" removes the job; "next" also queues a job with kind `first` and body
 * `second`; "later" also delays the text `second` until the time `first`. */
static struct command *queue_cmd_end(struct pipeline *pipeline, struct str worker,
                                     const struct queue_job *job, struct str action,
                                     struct str first, struct str second)
{
    struct str argv[] = {key_queues[job->priority],
                         key_queue_later,
                         QUEUE_GROUP,
                         worker,
                         job->id,
                         action,
                         first,
                         second};

    return pipeline_add_script(pipeline, &script_queue_finish, 2, sizeof(argv) / sizeof(argv[0]),
                               argv);
}

struct command *queue_cmd_finish(struct pipeline *pipeline, struct str worker,
                                 const struct queue_job *job)
{
    return queue_cmd_end(pipeline, worker, job, /* action: only remove */ STR(""), STR(""),
                         STR(""));
}

void queue_cmd_replace(struct pipeline *pipeline, struct str worker, const struct queue_job *job,
                       struct str kind, struct str body)
{
    (void)queue_cmd_end(pipeline, worker, job, STR("next"), kind, body);
}

/* Stores the delayed job as the text "PRIORITY KIND ATTEMPTS ID BODY" in the sorted set. The id
 * makes the text unique, so that two jobs with equal bodies are two members. */
struct command *queue_cmd_retry_later(struct pipeline *pipeline, struct str worker,
                                      const struct queue_job *job, int64_t due_ms)
{
    struct str text = arena_printf(pipeline->arena, "%d %.*s %lld %.*s %.*s", (int)job->priority,
                                   STR_ARG(job->kind), (long long)job->attempts + 1,
                                   STR_ARG(job->id), STR_ARG(job->body));

    return queue_cmd_end(pipeline, worker, job, STR("later"), command_int(pipeline->arena, due_ms),
                         text);
}

/* Requeues at most QUEUE_READ_MAX jobs in one call of the script, because Redis executes no other
 * command meanwhile. */
void queue_cmd_requeue_due(struct pipeline *pipeline, int64_t now_ms)
{
    (void)pipeline_add_script(pipeline, &script_queue_requeue_due, 4, 6,
                              (struct str[]){key_queues[QUEUE_HIGH], key_queues[QUEUE_NORMAL],
                                             key_queues[QUEUE_LOW], key_queue_later,
                                             command_int(pipeline->arena, now_ms),
                                             command_int(pipeline->arena, QUEUE_READ_MAX)});
}

void queue_cmd_remove_consumer(struct pipeline *pipeline, struct str worker)
{
    (void)pipeline_add_script(pipeline, &script_queue_remove_consumer, QUEUE_PRIORITIES, 5,
                              (struct str[]){key_queues[QUEUE_HIGH], key_queues[QUEUE_NORMAL],
                                             key_queues[QUEUE_LOW], QUEUE_GROUP, worker});
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs as stream entries. All that depends on a job being the caller's is in Lua (queue_*.lua), so
 * that checking and changing are one step. */
#include "app/store/queue.h"

#include "app/store/keys.h"

#define QUEUE_GROUP STR("workers")

/* MAXLEN is not used: a job must never be trimmed. */
void queue_cmd_add(struct pipeline *pipeline, enum queue_priority priority, struct str kind,
                   struct str body)
{
    (void)pipeline_add(pipeline, COMMAND_WRITE, 9,
                       (struct str[]){STR("XADD"), key_queues[priority], STR("*"), STR("k"), kind,
                                      STR("b"), body, STR("t"), STR("0")});
}

struct command *queue_cmd_read(struct pipeline *pipeline, struct str worker, size_t room,
                               const size_t share[QUEUE_PRIORITIES])
{
    struct str argv[QUEUE_PRIORITIES + 6];
    int n = 0;

    for (int level = 0; level < QUEUE_PRIORITIES; level++)
        argv[n++] = key_queues[level];
    argv[n++] = QUEUE_GROUP;
    argv[n++] = worker;
    argv[n++] = command_int(pipeline->arena, (int64_t)room);
    for (int level = 0; level < QUEUE_PRIORITIES; level++)
        argv[n++] = command_int(pipeline->arena, (int64_t)share[level]);
    return pipeline_add_script(pipeline, &script_queue_read, QUEUE_PRIORITIES, n, argv);
}

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

/* [priority, id, fields, deliveries]. A delivery that was not finished is a failed attempt: its
 * worker died. Missing fields are empty texts, which no kind of job accepts. */
static bool queue_parse_job(const redisReply *reply, struct queue_job *ret)
{
    struct stream_entry entry = {.fields = reply_at(reply, 2)};
    struct str attempts = STR("0");
    int64_t level, deliveries;

    *ret = (struct queue_job){.kind = STR(""), .body = STR("")};
    if (reply_int(reply_at(reply, 0), &level) != REPLY_OK || level < 0 ||
        level >= QUEUE_PRIORITIES || reply_text(reply_at(reply, 1), &ret->id) != REPLY_OK ||
        reply_int(reply_at(reply, 3), &deliveries) != REPLY_OK)
        return false;
    ret->priority = (enum queue_priority)level;
    (void)stream_field(&entry, STR("k"), &ret->kind);
    (void)stream_field(&entry, STR("b"), &ret->body);
    (void)stream_field(&entry, STR("t"), &attempts);
    (void)str_to_int64(attempts, 0, INT32_MAX, &ret->attempts);
    ret->attempts += deliveries - 1;
    return true;
}

/* Both scripts reply a list of jobs in this form. */
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

/* action, first, second: see ARGV[4] to ARGV[6] of queue_finish.lua. */
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
    return queue_cmd_end(pipeline, worker, job, STR(""), STR(""), STR(""));
}

void queue_cmd_replace(struct pipeline *pipeline, struct str worker, const struct queue_job *job,
                       struct str kind, struct str body)
{
    (void)queue_cmd_end(pipeline, worker, job, STR("next"), kind, body);
}

/* The id makes the text unique: two jobs with equal bodies must not become one member of the set.
 */
struct command *queue_cmd_retry_later(struct pipeline *pipeline, struct str worker,
                                      const struct queue_job *job, int64_t due_ms)
{
    struct str text = arena_printf(pipeline->arena, "%d %.*s %lld %.*s %.*s", (int)job->priority,
                                   STR_ARG(job->kind), (long long)job->attempts + 1,
                                   STR_ARG(job->id), STR_ARG(job->body));

    return queue_cmd_end(pipeline, worker, job, STR("later"), command_int(pipeline->arena, due_ms),
                         text);
}

/* At most QUEUE_READ_MAX at a time, because a script blocks Redis while it runs. */
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/jobs.h"

#include "app/ingest/cloudevent.h"
#include "app/store/keys.h"
#include "app/worker/dead_letter.h"

enum { LONGEST_PAUSE = 3 };
enum { JOB_DONE, JOB_AGAIN, JOB_DEAD }; /* the words of METRIC_JOBS */

static const int64_t TAKE_US = 25000; /* between looks into an empty queue */
static const int64_t CLAIM_US = 2000000;
static const int64_t KEEP_US = 1000000;
static const int64_t CLAIM_IDLE_MS = 10000; /* ten times as long as between two keeps */
static const int64_t AGAIN_MS = 500;        /* before the second try; four times longer each */

static bool tried_out(const struct job *job, int64_t tries)
{
    return tries >= job->jobs->kinds[job->kind].tries_max;
}

/* ---- the end of a job ---- */

static void count(struct jobs *jobs, const struct job *job, unsigned status)
{
    metrics_add(jobs->worker->engine->metrics, METRIC_JOBS, job->kind, status, 1);
}

static void release_call(struct job *job)
{
    http_call_release(&job->call);
    curl_slist_free_all(job->headers);
    job->headers = NULL;
}

/* Whatever the answer: if the store has not taken it, the job is still pending, and claimed. */
static void on_ended(struct task *task)
{
    struct jobs *jobs = task->owner;
    struct job *job = task->data;

    task_end(task);
    release_call(job);
    job->task = NULL;
    jobs->running--;
    jobs->next_read_us = 0; /* there is room */
}

static int64_t again_ms(const struct job *job)
{
    int64_t ms = AGAIN_MS;

    for (int64_t i = 0; i < job->q.attempts && i < LONGEST_PAUSE; i++)
        ms *= 4;
    return ms;
}

/* What is wrong with it, field by field if it is the input. */
static struct str reason_of(const struct job *job)
{
    if (job->problem.field_count > 0)
        return cloudevent_error_line(&job->problem, job->task->arena);
    return str_of(job->problem.message);
}

static void finish(struct jobs *jobs, struct job *job)
{
    pipeline_clear(&job->task->pipeline);
    if (job->follow_up.kind.p)
        queue_cmd_replace(&job->task->pipeline, jobs->worker->id, &job->q, job->follow_up.kind,
                          job->follow_up.body);
    else
        (void)queue_cmd_finish(&job->task->pipeline, jobs->worker->id, &job->q);
    task_submit(job->task, on_ended);
}

static void tell_dead(struct jobs *jobs, const struct job *job)
{
    struct jw *jw = log_begin(jobs->worker->engine->log, LOG_ERROR, "job.dead");

    jw_str(jw, "kind", job->q.kind);
    jw_text(jw, "consequence", "kept as a dead letter");
    log_end(jobs->worker->engine->log);
    count(jobs, job, JOB_DEAD);
}

static void tell_others(struct jobs *jobs, struct job *job)
{
    if (job->kind < jobs->kind_count && jobs->kinds[job->kind].on_dead_letter)
        jobs->kinds[job->kind].on_dead_letter(jobs->worker, job);
}

static void on_told(struct task *task)
{
    struct jobs *jobs = task->owner;
    struct job *job = task->data;

    if (task_failed(task)) {
        on_ended(task);
        return;
    }
    tell_others(jobs, job);
    finish(jobs, job);
}

/* Kept first, finished then: in between there are two of it, never none. */
static void on_buried(struct task *task, enum dead_letter_result end)
{
    struct jobs *jobs = task->owner;
    struct job *job = task->data;

    if (end == DEAD_LETTER_FAILED) {
        on_ended(task);
        return;
    }
    if (end == DEAD_LETTER_STORED)
        tell_dead(jobs, job);
    pipeline_clear(&task->pipeline);
    tell_others(jobs, job);
    if (task->pipeline.count > 0)
        task_submit(task, on_told);
    else
        finish(jobs, job);
}

static void bury(struct job *job, struct str why)
{
    struct arena *arena = job->task->arena;
    struct dead_letter_item dead = {.stream = key_queues[job->q.priority],
                                    .id = job->q.id,
                                    .reason = arena_printf(arena, "job: %.*s", STR_ARG(why)),
                                    .source =
                                        arena_printf(arena, "queue:%.*s", STR_ARG(job->q.kind)),
                                    .payload = job->q.body};

    job->follow_up.kind = (struct str){0};
    dead_letter_put(job->task, &dead, on_buried);
}

static void put_off(struct jobs *jobs, struct job *job)
{
    struct task *task = job->task;

    count(jobs, job, JOB_AGAIN);
    pipeline_clear(&task->pipeline);
    (void)queue_cmd_retry_later(&task->pipeline, jobs->worker->id, &job->q,
                                jobs->worker->now_ms + again_ms(job));
    task_submit(task, on_ended);
}

static void end_job(struct jobs *jobs, struct job *job)
{
    if (job->progressed)
        job->q.attempts = -1; /* what comes now is its first try */
    else if (job->no_capacity)
        job->q.attempts--;
    if (job->problem.code == PROBLEM_NONE) {
        count(jobs, job, JOB_DONE);
        finish(jobs, job);
    } else if (job->problem.code == PROBLEM_SERVICE_UNAVAILABLE &&
               !tried_out(job, job->q.attempts + 1)) {
        put_off(jobs, job);
    } else {
        bury(job, reason_of(job));
    }
}

/* ---- its steps ---- */

static void on_step(struct task *task);

static void step(struct jobs *jobs, struct job *job)
{
    if (jobs->kinds[job->kind].step(jobs->worker, job) != STEP_MORE ||
        job->problem.code != PROBLEM_NONE)
        end_job(jobs, job);
    else if (!job->calling)
        task_submit(job->task, on_step);
}

size_t jobs_active_calls(const struct jobs *jobs)
{
    size_t n = 0;

    for (int i = 0; i < JOBS_AT_ONCE; i++)
        n += jobs->v[i].calling;
    return n;
}

static void on_called(struct http_call *call)
{
    struct jobs *jobs = call->owner;

    for (int i = 0; i < JOBS_AT_ONCE; i++) {
        struct job *job = &jobs->v[i];

        if (&job->call != call)
            continue;
        job->calling = false;
        step(jobs, job);
    }
}

bool job_call(struct job *job)
{
    job->call.headers = job->headers;
    job->call.owner = job->jobs;
    job->call.done = on_called;
    job->calling = http_call_begin(job->jobs->http, &job->call);
    return job->calling;
}

static void on_step(struct task *task)
{
    struct jobs *jobs = task->owner;

    step(jobs, task->data);
}

static unsigned kind_of(const struct jobs *jobs, struct str name)
{
    unsigned i = 0;

    while (i < jobs->kind_count && !str_equal(jobs->kinds[i].name, name))
        i++;
    return i;
}

static bool copy_texts(struct arena *arena, struct queue_job *q)
{
    q->id = arena_copy(arena, q->id);
    q->kind = arena_copy(arena, q->kind);
    q->body = arena_copy(arena, q->body);
    return q->id.p && q->kind.p && q->body.p;
}

/* One that cannot even begin stays pending, and is claimed. */
static void begin(struct jobs *jobs, struct job *job, const struct queue_job *q)
{
    struct task *task = task_begin(jobs->worker, 0, jobs);

    *job = (struct job){.jobs = jobs, .q = *q, .task = task, .kind = kind_of(jobs, q->kind)};
    if (!task)
        return;
    task->data = job;
    if (!copy_texts(task->arena, &job->q)) {
        task_end(task);
        job->task = NULL;
        return;
    }
    jobs->running++;
    if (job->kind == jobs->kind_count)
        bury(job, STR("of an unknown kind"));
    else if (tried_out(job, job->q.attempts))
        bury(job, STR("every worker that tried it has died"));
    else
        step(jobs, job);
}

/* ---- taking ---- */

static struct job *free_place(struct jobs *jobs)
{
    for (int i = 0; i < JOBS_AT_ONCE; i++) {
        if (!jobs->v[i].task)
            return &jobs->v[i];
    }
    return NULL;
}

static void on_taken(struct task *task)
{
    struct jobs *jobs = task->owner;
    struct queue_job taken[QUEUE_READ_MAX];
    struct problem p = {.code = PROBLEM_NONE};
    size_t n = 0;

    jobs->reading = false;
    if (!task_failed(task))
        (void)queue_parse_jobs(task->data, taken, &n, &p);
    jobs->rr_cursor += (unsigned)n;
    for (size_t i = 0; i < n; i++) {
        struct job *place = free_place(jobs);

        if (place)
            begin(jobs, place, &taken[i]);
    }
    task_end(task);
}

/* Of eight jobs five are high, two normal and one low, as far as there are any: nobody starves. */
static void share_out(unsigned wheel, size_t room, size_t ret_first[QUEUE_PRIORITIES])
{
    static const enum queue_priority turns[] = {QUEUE_HIGH, QUEUE_HIGH,   QUEUE_NORMAL, QUEUE_HIGH,
                                                QUEUE_HIGH, QUEUE_NORMAL, QUEUE_HIGH,   QUEUE_LOW};

    memset(ret_first, 0, QUEUE_PRIORITIES * sizeof(*ret_first));
    for (size_t i = 0; i < room; i++)
        ret_first[turns[(wheel + i) % (sizeof(turns) / sizeof(turns[0]))]]++;
}

static void take(struct jobs *jobs, size_t room)
{
    size_t first[QUEUE_PRIORITIES];
    struct task *task = task_begin(jobs->worker, 0, jobs);

    if (!task)
        return;
    jobs->reading = true;
    queue_cmd_requeue_due(&task->pipeline, jobs->worker->now_ms);
    if (jobs->worker->now_us >= jobs->next_claim_us) {
        jobs->next_claim_us = jobs->worker->now_us + CLAIM_US;
        task->data = queue_cmd_claim(&task->pipeline, jobs->worker->id, room, CLAIM_IDLE_MS);
    } else {
        share_out(jobs->rr_cursor, room, first);
        task->data = queue_cmd_read(&task->pipeline, jobs->worker->id, room, first);
    }
    task_submit(task, on_taken);
}

/* What is under way must not look as if nobody cared for it. */
static void keep(struct jobs *jobs)
{
    struct task *task;

    if (jobs->running == 0 || jobs->worker->now_us < jobs->next_renew_us)
        return;
    jobs->next_renew_us = jobs->worker->now_us + KEEP_US;
    task = task_begin(jobs->worker, 0, jobs);
    if (!task)
        return;
    for (int i = 0; i < JOBS_AT_ONCE; i++) {
        struct queue_job q = jobs->v[i].q;

        if (!jobs->v[i].task)
            continue;
        q.id = arena_copy(task->arena, q.id);
        queue_cmd_renew(&task->pipeline, jobs->worker->id, &q);
    }
    task_submit(task, task_end);
}

/* The queue is looked into forty times a second, and again as soon as a job has ended: being woken
 * for each new one, as the journal is, would wake all workers for the one that takes it. */
void jobs_tick(struct jobs *jobs)
{
    size_t room = JOBS_AT_ONCE - jobs->running;

    keep(jobs);
    if (jobs->running > 0)
        worker_wake_at(jobs->worker, jobs->next_renew_us);
    if (worker_draining(jobs->worker) || jobs->reading || room == 0)
        return;
    if (jobs->worker->now_us < jobs->next_read_us) {
        worker_wake_at(jobs->worker, jobs->next_read_us);
        return;
    }
    jobs->next_read_us = jobs->worker->now_us + TAKE_US;
    worker_wake_at(jobs->worker, jobs->next_read_us);
    take(jobs, room);
}

bool jobs_busy(const struct jobs *jobs)
{
    return jobs->running > 0 || jobs->reading;
}

void jobs_close(struct jobs *jobs)
{
    for (int i = 0; i < JOBS_AT_ONCE; i++)
        release_call(&jobs->v[i]);
}

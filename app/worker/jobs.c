/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/jobs.h"

#include <assert.h>

#include "app/ingest/cloudevent.h"
#include "app/worker/dead_letter.h"
#include "app/worker/worker.h"

enum { UNKNOWN_KIND = 3, LONGEST_PAUSE = 3 };
enum { JOB_DONE, JOB_AGAIN, JOB_DEAD }; /* the words of METRIC_JOBS */

static const int64_t TAKE_US = 25000; /* between looks into an empty queue */
static const int64_t CLAIM_US = 2000000;
static const int64_t KEEP_US = 1000000;
static const int64_t CLAIM_IDLE_MS = 10000; /* ten times as long as between two keeps */
static const int64_t AGAIN_MS = 500;        /* before the second try; four times longer each */

/* The words of METRIC_JOBS stand in the same order, and unknown behind them. */
/* clang-format off */
static const struct {
    struct str name;
    job_step *step;
    int tries;
    job_on_dead_letter *dead; /* NULL: nobody else is concerned */
} kinds[] = {
    {STR_INIT("event"),    job_event,    5,  NULL},
    {STR_INIT("batch"),    job_batch,    25, job_batch_on_dead_letter},
    {STR_INIT("callback"), job_callback, 20, NULL},
};
/* clang-format on */

static_assert(sizeof(kinds) / sizeof(kinds[0]) == UNKNOWN_KIND, "a word of METRIC_JOBS a kind");

static bool tried_out(const struct job *job, int64_t tries)
{
    return tries >= kinds[job->kind].tries;
}

/* ---- the end of a job ---- */

static void count(struct worker *w, const struct job *job, unsigned status)
{
    metrics_add(w->engine->metrics, METRIC_JOBS, job->kind, status, 1);
}

static void release_call(struct job *job)
{
    http_call_release(&job->call);
    curl_slist_free_all(job->headers);
    job->headers = NULL;
}

/* Whatever the answer: if the store has not taken it, the job is still pending, and claimed. */
static void on_ended(struct worker *w, struct task *task)
{
    struct job *job = task->data;

    task_end(w, task);
    release_call(job);
    job->task = NULL;
    w->jobs.running--;
    w->jobs.next_read_us = 0; /* there is room */
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

static void finish(struct worker *w, struct job *job)
{
    pipeline_clear(&job->task->pipeline);
    if (job->follow_up.kind.p)
        queue_cmd_replace(&job->task->pipeline, w->id, &job->q, job->follow_up.kind,
                          job->follow_up.body);
    else
        (void)queue_cmd_finish(&job->task->pipeline, w->id, &job->q);
    task_submit(w, job->task, on_ended);
}

static void tell_dead(struct worker *w, const struct job *job)
{
    struct jw *jw = log_begin(w->engine->log, LOG_ERROR, "job.dead");

    jw_str(jw, "kind", job->q.kind);
    jw_text(jw, "consequence", "kept as a dead letter");
    log_end(w->engine->log);
    count(w, job, JOB_DEAD);
}

static void tell_others(struct worker *w, struct job *job)
{
    if (job->kind < UNKNOWN_KIND && kinds[job->kind].dead)
        kinds[job->kind].dead(w, job);
}

static void on_told(struct worker *w, struct task *task)
{
    struct job *job = task->data;

    if (task_failed(task)) {
        on_ended(w, task);
        return;
    }
    tell_others(w, job);
    finish(w, job);
}

/* Kept first, finished then: in between there are two of it, never none. */
static void on_buried(struct worker *w, struct task *task, enum dead_letter_result end)
{
    struct job *job = task->data;

    if (end == DEAD_LETTER_FAILED) {
        on_ended(w, task);
        return;
    }
    if (end == DEAD_LETTER_STORED)
        tell_dead(w, job);
    pipeline_clear(&task->pipeline);
    tell_others(w, job);
    if (task->pipeline.count > 0)
        task_submit(w, task, on_told);
    else
        finish(w, job);
}

static void bury(struct worker *w, struct job *job, struct str why)
{
    struct arena *arena = job->task->arena;
    struct dead_letter_item dead = {.stream = key_queues[job->q.priority],
                                    .id = job->q.id,
                                    .reason = arena_printf(arena, "job: %.*s", STR_ARG(why)),
                                    .source =
                                        arena_printf(arena, "queue:%.*s", STR_ARG(job->q.kind)),
                                    .payload = job->q.body};

    job->follow_up.kind = (struct str){0};
    dead_letter_put(w, job->task, &dead, on_buried);
}

static void put_off(struct worker *w, struct job *job)
{
    struct task *task = job->task;

    count(w, job, JOB_AGAIN);
    pipeline_clear(&task->pipeline);
    (void)queue_cmd_retry_later(&task->pipeline, w->id, &job->q, w->now_ms + again_ms(job));
    task_submit(w, task, on_ended);
}

static void end_job(struct worker *w, struct job *job)
{
    if (job->progressed)
        job->q.attempts = -1; /* what comes now is its first try */
    else if (job->no_capacity)
        job->q.attempts--;
    if (job->problem.code == PROBLEM_NONE) {
        count(w, job, JOB_DONE);
        finish(w, job);
    } else if (job->problem.code == PROBLEM_SERVICE_UNAVAILABLE &&
               !tried_out(job, job->q.attempts + 1)) {
        put_off(w, job);
    } else {
        bury(w, job, reason_of(job));
    }
}

/* ---- its steps ---- */

static void on_step(struct worker *w, struct task *task);

static void step(struct worker *w, struct job *job)
{
    if (kinds[job->kind].step(w, job) != STEP_MORE || job->problem.code != PROBLEM_NONE)
        end_job(w, job);
    else if (!job->calling)
        task_submit(w, job->task, on_step);
}

size_t jobs_active_calls(const struct worker *w)
{
    size_t n = 0;

    for (int i = 0; i < JOBS_AT_ONCE; i++)
        n += w->jobs.v[i].calling;
    return n;
}

static void on_called(struct http_call *call)
{
    struct worker *w = call->owner;

    for (int i = 0; i < JOBS_AT_ONCE; i++) {
        struct job *job = &w->jobs.v[i];

        if (&job->call != call)
            continue;
        job->calling = false;
        step(w, job);
    }
}

bool job_call(struct worker *w, struct job *job)
{
    job->call.headers = job->headers;
    job->call.owner = w;
    job->call.done = on_called;
    job->calling = http_call_begin(w->http, &job->call);
    return job->calling;
}

static void on_step(struct worker *w, struct task *task)
{
    step(w, task->data);
}

static unsigned kind_of(struct str name)
{
    unsigned i = 0;

    while (i < UNKNOWN_KIND && !str_equal(kinds[i].name, name))
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
static void begin(struct worker *w, struct job *job, const struct queue_job *q)
{
    struct task *task = task_begin(w, 0, job);

    *job = (struct job){.q = *q, .task = task, .kind = kind_of(q->kind)};
    if (!task)
        return;
    if (!copy_texts(task->arena, &job->q)) {
        task_end(w, task);
        job->task = NULL;
        return;
    }
    w->jobs.running++;
    if (job->kind == UNKNOWN_KIND)
        bury(w, job, STR("of an unknown kind"));
    else if (tried_out(job, job->q.attempts))
        bury(w, job, STR("every worker that tried it has died"));
    else
        step(w, job);
}

/* ---- taking ---- */

static struct job *free_place(struct worker *w)
{
    for (int i = 0; i < JOBS_AT_ONCE; i++) {
        if (!w->jobs.v[i].task)
            return &w->jobs.v[i];
    }
    return NULL;
}

static void on_taken(struct worker *w, struct task *task)
{
    struct queue_job taken[QUEUE_READ_MAX];
    struct problem p = {.code = PROBLEM_NONE};
    size_t n = 0;

    w->jobs.reading = false;
    if (!task_failed(task))
        (void)queue_parse_jobs(task->data, taken, &n, &p);
    w->jobs.rr_cursor += (unsigned)n;
    for (size_t i = 0; i < n; i++) {
        struct job *place = free_place(w);

        if (place)
            begin(w, place, &taken[i]);
    }
    task_end(w, task);
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

static void take(struct worker *w, size_t room)
{
    struct jobs *jobs = &w->jobs;
    size_t first[QUEUE_PRIORITIES];
    struct task *task = task_begin(w, 0, NULL);

    if (!task)
        return;
    jobs->reading = true;
    queue_cmd_requeue_due(&task->pipeline, w->now_ms);
    if (w->now_us >= jobs->next_claim_us) {
        jobs->next_claim_us = w->now_us + CLAIM_US;
        task->data = queue_cmd_claim(&task->pipeline, w->id, room, CLAIM_IDLE_MS);
    } else {
        share_out(jobs->rr_cursor, room, first);
        task->data = queue_cmd_read(&task->pipeline, w->id, room, first);
    }
    task_submit(w, task, on_taken);
}

/* What is under way must not look as if nobody cared for it. */
static void keep(struct worker *w)
{
    struct task *task;

    if (w->jobs.running == 0 || w->now_us < w->jobs.next_renew_us)
        return;
    w->jobs.next_renew_us = w->now_us + KEEP_US;
    task = task_begin(w, 0, NULL);
    if (!task)
        return;
    for (int i = 0; i < JOBS_AT_ONCE; i++) {
        struct queue_job q = w->jobs.v[i].q;

        if (!w->jobs.v[i].task)
            continue;
        q.id = arena_copy(task->arena, q.id);
        queue_cmd_renew(&task->pipeline, w->id, &q);
    }
    task_submit(w, task, task_discard);
}

/* The queue is looked into forty times a second, and again as soon as a job has ended: being woken
 * for each new one, as the journal is, would wake all workers for the one that takes it. */
void jobs_tick(struct worker *w)
{
    struct jobs *jobs = &w->jobs;
    size_t room = JOBS_AT_ONCE - jobs->running;

    keep(w);
    if (jobs->running > 0)
        worker_wake_at(w, jobs->next_renew_us);
    if (worker_draining(w) || jobs->reading || room == 0)
        return;
    if (w->now_us < jobs->next_read_us) {
        worker_wake_at(w, jobs->next_read_us);
        return;
    }
    jobs->next_read_us = w->now_us + TAKE_US;
    worker_wake_at(w, jobs->next_read_us);
    take(w, room);
}

bool jobs_busy(const struct worker *w)
{
    return w->jobs.running > 0 || w->jobs.reading;
}

void jobs_close(struct worker *w)
{
    for (int i = 0; i < JOBS_AT_ONCE; i++)
        release_call(&w->jobs.v[i]);
}

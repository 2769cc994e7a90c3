/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of a job: read from the queue (or claimed from a dead worker), run in steps, and then
 * finished, tried again later, or written to the dead letters. The queue keeps a job as pending
 * until one of its scripts has removed it, and the scripts check that the job is still this
 * worker's. So nothing is lost when a command here fails: the job stays pending, its renewals stop,
 * and a worker claims it. */
#include "app/worker/jobs.h"

#include "app/ingest/cloudevent.h"
#include "app/store/keys.h"
#include "app/worker/dead_letter.h"

enum { PAUSES_MAX = 3 };                       /* the pause grows this often */
static const int64_t READ_INTERVAL_US = 25000; /* of an empty queue */
static const int64_t CLAIM_INTERVAL_US = 2000000;
static const int64_t RENEW_INTERVAL_US = 1000000;
static const int64_t CLAIM_IDLE_MS = 10000; /* ten missed renewals: the job's worker is dead */
static const int64_t FIRST_PAUSE_MS = 500;  /* before the second attempt; then four times longer */

/* attempts: those that failed, including deaths of workers. */
static bool job_is_exhausted(const struct job *job, int64_t attempts)
{
    return attempts >= job->jobs->kinds[job->kind].attempts_max;
}

/* status: a value of the second label of METRIC_JOBS, whose first one lists the kinds. */
static void job_count(const struct job *job, const char *status)
{
    const struct jobs *jobs = job->jobs;
    const char *kind = job->kind < jobs->kind_count ? jobs->kinds[job->kind].name.p : "unknown";

    metrics_add(jobs->worker->engine->metrics, METRIC_JOBS, kind, status, 1);
}

/* ---- the end of a job ---- */

/* Frees libcurl's handle: the next job in this place may be of another kind. */
static void job_release_call(struct job *job)
{
    http_call_release(&job->call);
    curl_slist_free_all(job->headers);
    job->headers = NULL;
}

/* Frees the job's place. The replies do not matter: see the top of this file. */
static void job_on_ended(struct task *task)
{
    struct job *job = task->data;

    task_end(task);
    job_release_call(job);
    job->task = NULL;
    job->jobs->running--;
    job->jobs->next_read_us = 0; /* there is capacity: read at once */
}

/* Removes the job from the queue; a follow-up job takes its place in the same script. */
static void job_finish(struct job *job)
{
    struct pipeline *pipeline = &job->task->pipeline;
    struct str worker = job->jobs->worker->id;

    pipeline_clear(pipeline);
    if (job->follow_up.kind.p)
        queue_cmd_replace(pipeline, worker, &job->queued, job->follow_up.kind, job->follow_up.body);
    else
        (void)queue_cmd_finish(pipeline, worker, &job->queued);
    task_submit(job->task, job_on_ended);
}

/* Lets the kind of the job update what depends on it. Unknown kinds have nothing. */
static void job_call_on_dead_letter(struct job *job)
{
    const struct jobs *jobs = job->jobs;

    if (job->kind < jobs->kind_count && jobs->kinds[job->kind].on_dead_letter)
        jobs->kinds[job->kind].on_dead_letter(jobs->worker, job);
}

static void job_on_dependents_updated(struct task *task)
{
    struct job *job = task->data;

    if (task_failed(task)) {
        job_on_ended(task);
        return;
    }
    job_call_on_dead_letter(job);
    job_finish(job);
}

/* The dead letter is stored first and the job finished afterwards: a worker that dies in between
 * leaves both, never neither. */
static void job_on_dead_letter_stored(struct task *task, enum dead_letter_result result)
{
    struct job *job = task->data;
    struct log *log = task->worker->engine->log;
    struct jw *jw;

    if (result == DEAD_LETTER_FAILED) {
        job_on_ended(task);
        return;
    }
    if (result == DEAD_LETTER_STORED) {
        job_count(job, "dead");
        jw = log_begin(log, LOG_ERROR, "job.dead");
        jw_str(jw, "kind", job->queued.kind);
        jw_text(jw, "consequence", "kept as a dead letter");
        log_end(log);
    }
    pipeline_clear(&task->pipeline);
    job_call_on_dead_letter(job);
    if (task->pipeline.count > 0)
        task_submit(task, job_on_dependents_updated);
    else
        job_finish(job);
}

/* The follow-up of a job that fails is dropped; on_dead_letter may set another one. */
static void job_put_dead_letter(struct job *job, struct str reason)
{
    struct arena *arena = job->task->arena;
    struct dead_letter_item item = {
        .stream = key_queues[job->queued.priority],
        .id = job->queued.id,
        .reason = arena_printf(arena, "job: %.*s", STR_ARG(reason)),
        .source = arena_printf(arena, "queue:%.*s", STR_ARG(job->queued.kind)),
        .payload = job->queued.body,
    };

    job->follow_up.kind = (struct str){0};
    dead_letter_put(job->task, &item, job_on_dead_letter_stored);
}

/* The pauses are 0.5, 2, 8 and then always 32 s. */
static void job_retry_later(struct job *job)
{
    const struct worker_context *w = job->jobs->worker;
    int64_t pause_ms = FIRST_PAUSE_MS;

    for (int64_t i = 0; i < job->queued.attempts && i < PAUSES_MAX; i++)
        pause_ms *= 4;
    job_count(job, "again");
    pipeline_clear(&job->task->pipeline);
    (void)queue_cmd_retry_later(&job->task->pipeline, w->id, &job->queued, w->now_ms + pause_ms);
    task_submit(job->task, job_on_ended);
}

/* Decides what happens to a job whose last step is done. queue_cmd_retry_later stores one attempt
 * more than queued.attempts: -1 here makes the next attempt the first one. */
static void job_end(struct job *job)
{
    struct str reason = str_of(job->problem.message);

    if (job->progressed)
        job->queued.attempts = -1;
    else if (job->no_capacity)
        job->queued.attempts--;
    if (job->problem.code == PROBLEM_NONE) {
        job_count(job, "done");
        job_finish(job);
    } else if (job->problem.code == PROBLEM_SERVICE_UNAVAILABLE &&
               !job_is_exhausted(job, job->queued.attempts + 1)) {
        job_retry_later(job);
    } else {
        if (job->problem.field_count > 0) /* invalid input: name the fields */
            reason = cloudevent_error_line(&job->problem, job->task->arena);
        job_put_dead_letter(job, reason);
    }
}

/* ---- steps ---- */

/* Calls the step function of the job's kind: at first, and after each round trip or response. */
static void job_run_step(struct task *task)
{
    struct job *job = task->data;
    const struct jobs *jobs = job->jobs;

    if (jobs->kinds[job->kind].step(jobs->worker, job) != STEP_MORE ||
        job->problem.code != PROBLEM_NONE)
        job_end(job);
    else if (!job->calling)
        task_submit(task, job_run_step);
}

/* The HTTP call of a job is over, successful or not: its step reads the result from job->call. */
static void job_on_response(struct http_call *call)
{
    struct job *job = call->owner;

    job->calling = false;
    job_run_step(job->task);
}

bool job_call(struct job *job)
{
    job->call.headers = job->headers;
    job->call.owner = job;
    job->call.done = job_on_response;
    job->calling = http_call_begin(job->jobs->http, &job->call);
    return job->calling;
}

size_t jobs_active_calls(const struct jobs *jobs)
{
    size_t n = 0;

    for (int i = 0; i < JOBS_AT_ONCE; i++)
        n += jobs->v[i].calling;
    return n;
}

/* ---- starting ---- */

/* Starts a job in a free place. The texts of queued are copied, since the reply in which they are
 * ends with its task. Without memory nothing happens: the job stays pending, and is claimed. */
static void jobs_start_job(struct jobs *jobs, struct job *job, const struct queue_job *queued)
{
    struct task *task = task_begin(jobs->worker, 0, jobs);

    *job = (struct job){.jobs = jobs, .queued = *queued, .task = task};
    if (!task)
        return;
    task->data = job;
    while (job->kind < jobs->kind_count && !str_equal(jobs->kinds[job->kind].name, queued->kind))
        job->kind++;
    job->queued.id = arena_copy(task->arena, queued->id);
    job->queued.kind = arena_copy(task->arena, queued->kind);
    job->queued.body = arena_copy(task->arena, queued->body);
    if (!job->queued.id.p || !job->queued.kind.p || !job->queued.body.p) {
        task_end(task);
        job->task = NULL;
        return;
    }
    jobs->running++;
    if (job->kind == jobs->kind_count)
        job_put_dead_letter(job, STR("of an unknown kind"));
    else if (job_is_exhausted(job, job->queued.attempts))
        job_put_dead_letter(job, STR("every worker that tried it has died"));
    else
        job_run_step(job->task);
}

/* ---- reading the queue ---- */

static void jobs_on_read(struct task *task)
{
    struct jobs *jobs = task->owner;
    struct queue_job queued[QUEUE_READ_MAX];
    struct problem p = {.code = PROBLEM_NONE};
    size_t n = 0;

    jobs->reading = false;
    if (!task_failed(task))
        (void)queue_parse_jobs(task->data, queued, &n, &p);
    jobs->rr_cursor += (unsigned)n;
    for (size_t i = 0; i < n; i++) {
        int place = 0;

        while (place < JOBS_AT_ONCE && jobs->v[place].task)
            place++;
        if (place < JOBS_AT_ONCE) /* else the job stays pending, and is claimed */
            jobs_start_job(jobs, &jobs->v[place], &queued[i]);
    }
    task_end(task);
}

/* Of eight jobs five are of high priority, two normal and one low, as far as there are any: so none
 * starves. cursor: the place in this order; ret_counts: how many to read of each priority. */
static void jobs_share_capacity(unsigned cursor, size_t capacity,
                                size_t ret_counts[QUEUE_PRIORITIES])
{
    static const enum queue_priority order[] = {QUEUE_HIGH, QUEUE_HIGH,   QUEUE_NORMAL, QUEUE_HIGH,
                                                QUEUE_HIGH, QUEUE_NORMAL, QUEUE_HIGH,   QUEUE_LOW};

    memset(ret_counts, 0, QUEUE_PRIORITIES * sizeof(*ret_counts));
    for (size_t i = 0; i < capacity; i++)
        ret_counts[order[(cursor + i) % (sizeof(order) / sizeof(order[0]))]]++;
}

/* Reads new jobs; now and then, claims those of dead workers instead. */
static void jobs_read(struct jobs *jobs, size_t capacity)
{
    const struct worker_context *w = jobs->worker;
    size_t counts[QUEUE_PRIORITIES];
    struct task *task = task_begin(jobs->worker, 0, jobs);

    if (!task)
        return;
    jobs->reading = true;
    queue_cmd_requeue_due(&task->pipeline, w->now_ms);
    if (w->now_us >= jobs->next_claim_us) {
        jobs->next_claim_us = w->now_us + CLAIM_INTERVAL_US;
        task->data = queue_cmd_claim(&task->pipeline, w->id, capacity, CLAIM_IDLE_MS);
    } else {
        jobs_share_capacity(jobs->rr_cursor, capacity, counts);
        task->data = queue_cmd_read(&task->pipeline, w->id, capacity, counts);
    }
    task_submit(task, jobs_on_read);
}

/* Renews the running jobs, so that no other worker claims them: a batch or callback may take longer
 * than CLAIM_IDLE_MS. */
static void jobs_renew(struct jobs *jobs)
{
    struct worker_context *w = jobs->worker;
    struct task *task;

    if (jobs->running == 0 || w->now_us < jobs->next_renew_us)
        return;
    jobs->next_renew_us = w->now_us + RENEW_INTERVAL_US;
    task = task_begin(w, 0, jobs);
    if (!task)
        return;
    for (int i = 0; i < JOBS_AT_ONCE; i++) {
        struct queue_job queued = jobs->v[i].queued;

        if (!jobs->v[i].task)
            continue;
        queued.id = arena_copy(task->arena, queued.id); /* the job may end before this task */
        queue_cmd_renew(&task->pipeline, w->id, &queued);
    }
    task_submit(task, task_end);
}

/* The queue is polled forty times a second, and at once when a job has ended. A blocking read, as
 * for the journals, would wake every worker for each job that only one of them gets. */
void jobs_tick(struct jobs *jobs)
{
    struct worker_context *w = jobs->worker;
    size_t capacity = JOBS_AT_ONCE - jobs->running;

    jobs_renew(jobs);
    if (jobs->running > 0)
        worker_wake_at(w, jobs->next_renew_us);
    if (worker_draining(w) || jobs->reading || capacity == 0)
        return;
    if (w->now_us >= jobs->next_read_us) {
        jobs->next_read_us = w->now_us + READ_INTERVAL_US;
        jobs_read(jobs, capacity);
    }
    worker_wake_at(w, jobs->next_read_us);
}

void jobs_close(struct jobs *jobs)
{
    for (int i = 0; i < JOBS_AT_ONCE; i++)
        job_release_call(&jobs->v[i]);
}

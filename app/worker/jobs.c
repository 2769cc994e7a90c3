/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of a job: read from the queue (or claimed from a dead worker), run in steps, and then
 * finished, tried again later, or written to the dead letters. The queue is a Redis stream: it
 * keeps a job as pending for the worker that read it, until a script removes the job, and every
 * script checks that the job still belongs to this worker. Nothing is lost when a command fails
 * here: the job stays pending and is no longer renewed, and after CLAIM_IDLE_MS a worker claims
 * it. */
#include "app/worker/jobs.h"

#include "app/ingest/cloudevent.h"
#include "app/store/dead_letter.h"
#include "app/store/keys.h"
#include "app/store/stream.h"
#include "app/worker/dead_letter.h"

enum { PAUSES_MAX = 3 }; /* how many times the pause between attempts of a job grows */
/* Pause between two reads of the queue: at first, and once IDLE_READS reads in succession have
 * found no job, so that a worker without jobs costs Redis little. */
static const int64_t READ_INTERVAL_US = 25000, IDLE_READ_INTERVAL_US = 200000;
enum { IDLE_READS = 80 };
/* pause between two searches for jobs of dead workers */
static const int64_t CLAIM_INTERVAL_US = 2000000;
/* pause between two renewals of the running jobs; without renewals another worker claims them */
static const int64_t RENEW_INTERVAL_US = 1000000;
/* a job that was not renewed for this time may be claimed: its worker has missed ten renewals */
static const int64_t CLAIM_IDLE_MS = 10000;
/* pause before a job's second attempt; each further pause is four times longer */
static const int64_t FIRST_PAUSE_MS = 500;

/* Returns true if the job must not be tried again, because it has failed as often as its kind
 * permits. attempts: failed attempts, including those during which the worker died. */
static bool job_is_exhausted(const struct job *job, int64_t attempts)
{
    return attempts >= job->jobs->kinds[job->kind].attempts_max;
}

/* Counts in METRIC_JOBS what became of a job. status: "done", "again" (it will be tried again) or
 * "dead". */
static void job_count(const struct job *job, const char *status)
{
    const struct jobs *jobs = job->jobs;
    const char *kind = job->kind < jobs->kind_count ? jobs->kinds[job->kind].name.p : "unknown";

    metrics_add(jobs->worker->engine->metrics, METRIC_JOBS, kind, status, 1);
}

/* ---- the end of a job ---- */

/* Frees the HTTP call and its headers: the next job in this place may be of another kind, which
 * sends no HTTP request. */
static void job_release_call(struct job *job)
{
    http_call_release(&job->call);
    curl_slist_free_all(job->headers);
    job->headers = NULL;
}

/* Called when the last command of a job was executed: ends its task and frees its place. The
 * replies do not matter: if the command failed, the job stays pending in the queue and is claimed
 * later. */
static void job_on_ended(struct task *task)
{
    struct job *job = task->data;

    task_end(task);
    job_release_call(job);
    job->task = NULL;
    job->jobs->running--;
    job->jobs->next_read_us = 0; /* one place is free again: read the queue at once */
}

/* Removes the job from the queue; if it has a follow-up job, the same script adds that one. */
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

/* Calls on_dead_letter of the kind of the job, if it has such a function (an unknown kind has
 * none). */
static void job_call_on_dead_letter(struct job *job)
{
    const struct jobs *jobs = job->jobs;

    if (job->kind < jobs->kind_count && jobs->kinds[job->kind].on_dead_letter)
        jobs->kinds[job->kind].on_dead_letter(jobs->worker, job);
}

/* Called with the replies to the commands of on_dead_letter (which update what depends on the job,
 * such as its batch): calls on_dead_letter again with them, and finishes the job. If they failed,
 * the job stays pending and is claimed later. */
static void job_on_dead_letter_replies(struct task *task)
{
    struct job *job = task->data;

    if (task_failed(task)) {
        job_on_ended(task);
        return;
    }
    job_call_on_dead_letter(job);
    job_finish(job);
}

/* Counts and logs that the job was given up. */
static void job_report_dead(const struct job *job)
{
    struct log *log = job->jobs->worker->engine->log;
    struct jw *jw = log_begin(log, LOG_ERROR, "job.dead");

    job_count(job, "dead");
    jw_str(jw, "kind", job->queued.kind);
    jw_text(jw, "consequence", "kept as a dead letter");
    log_end(log);
}

/* Called when the dead letter was stored (or its entry was erased meanwhile). Only now is the job
 * removed from the queue: if the worker dies in between, both the job and the dead letter exist,
 * and nothing is lost. */
static void job_on_dead_letter_stored(struct task *task, enum dead_letter_result result)
{
    struct job *job = task->data;

    if (result == DEAD_LETTER_FAILED) {
        job_on_ended(task);
        return;
    }
    if (result == DEAD_LETTER_STORED)
        job_report_dead(job);
    pipeline_clear(&task->pipeline);
    job_call_on_dead_letter(job);
    if (task->pipeline.count > 0)
        task_submit(task, job_on_dead_letter_replies);
    else
        job_finish(job);
}

/* Called when the existing dead letter that the job names has got its new reason: removes the job
 * from the queue. If that update failed, the job stays pending and is claimed later. */
static void job_on_letter_updated(struct task *task)
{
    struct job *job = task->data;

    if (task_failed(task)) {
        job_on_ended(task);
        return;
    }
    job_report_dead(job);
    job_finish(job);
}

/* Called when the existing dead letter that the job names was read: writes the reason of this
 * failure into it. "null" in place of an event means that the letter has none. A letter that an
 * erasure has removed is not written again. */
static void job_on_letter_read(struct task *task)
{
    struct job *job = task->data;
    struct problem p = {.code = PROBLEM_NONE};
    struct dead_letter_new updated = {.reason = job->dead_reason, .source = STR("queue:event")};
    struct dead_letter letter;
    bool exists = false;

    if (task_failed(task) ||
        !dead_letter_parse_get(job->dead_letter_cmd, task->arena, &exists, &letter, &p)) {
        job_on_ended(task);
        return;
    }
    pipeline_clear(&task->pipeline);
    if (!exists) {
        job_finish(job);
        return;
    }
    updated.payload = str_equal(letter.event, STR("null")) ? STR("") : letter.event;
    (void)dead_letter_cmd_update(&task->pipeline, job->queued.body, &updated, task->worker->now_ms);
    task_submit(task, job_on_letter_updated);
}

/* Gives the job up for this reason. Writes the job to the dead letters; but if the job names an
 * existing dead letter (an event that is processed again), that letter gets the new reason instead.
 * A follow-up job (follow_up.kind) that the step function has set is dropped, because this job has
 * failed; on_dead_letter may set another one. */
static void job_put_dead_letter(struct job *job, struct str reason)
{
    const struct job_kind *kind =
        job->kind < job->jobs->kind_count ? &job->jobs->kinds[job->kind] : NULL;
    struct arena *arena = job->task->arena;
    struct dead_letter_item item = {
        .stream = key_queues[job->queued.priority],
        .id = job->queued.id,
        .reason = arena_printf(arena, "job: %.*s", STR_ARG(reason)),
        .source = arena_printf(arena, "queue:%.*s", STR_ARG(job->queued.kind)),
        .payload = job->queued.body,
        .always_keep = kind && kind->names_batch,
    };

    job->follow_up.kind = (struct str){0};
    if (!kind || !kind->names_letter || !stream_id_valid(job->queued.body)) {
        dead_letter_put(job->task, &item, job_on_dead_letter_stored);
        return;
    }
    pipeline_clear(&job->task->pipeline);
    job->dead_reason = item.reason;
    job->dead_letter_cmd = dead_letter_cmd_get(&job->task->pipeline, job->queued.body);
    task_submit(job->task, job_on_letter_read);
}

/* Schedules the next attempt of the job after a pause: 0.5 s after the first failed attempt, then 2
 * s and 8 s, and 32 s (0.5 s * 4^PAUSES_MAX) after every further one. queued.attempts: the number
 * of failed attempts before this one, so 0 after the first failure; -1 after progress. */
static void job_retry_later(struct job *job)
{
    const struct worker_context *worker = job->jobs->worker;
    int64_t pause_ms = FIRST_PAUSE_MS;

    for (int64_t i = 0; i < job->queued.attempts && i < PAUSES_MAX; i++)
        pause_ms *= 4;
    job_count(job, "again");
    pipeline_clear(&job->task->pipeline);
    (void)queue_cmd_retry_later(&job->task->pipeline, worker->id, &job->queued,
                                worker->now_ms + pause_ms);
    task_submit(job->task, job_on_ended);
}

/* Decides what happens to a job after its last step: finish, retry or dead letter. queued.attempts
 * is the number of failed attempts before this one. The script of a retry stores this number plus
 * 1, so it is set to -1 after progress (to store 0), and reduced by 1 if this attempt does not
 * count (no_capacity). */
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
        if (job->problem.field_count > 0) /* invalid input: the reason names the invalid fields */
            reason = cloudevent_error_line(&job->problem, job->task->arena);
        job_put_dead_letter(job, reason);
    }
}

/* ---- steps ---- */

/* Calls the step function of the kind of the job: first when the job starts, and again after each
 * round trip or HTTP response. While an HTTP call is running, nothing is submitted: job_on_response
 * continues. */
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

/* Called when the HTTP call of a job is over, successful or not. The step function reads the
 * outcome of the call from job->call. */
static void job_on_response(struct http_call *call)
{
    struct job *job = call->owner;

    job->calling = false;
    job_run_step(job->task);
}

/* Starts the HTTP call of the job. The call runs in the loop; job_on_response calls the step
 * function when it is over. */
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
        n += jobs->places[i].calling;
    return n;
}

/* ---- starting ---- */

/* Starts a job in a free place. The texts of queued are copied, because they are part of a reply
 * that is freed with its own task. When out of memory nothing happens: the job stays pending in
 * the queue, and a worker claims it (takes over its processing) later. A job of an unknown kind, or
 * one whose attempts are exhausted, becomes a dead letter. */
static void jobs_start_job(struct jobs *jobs, struct job *job, const struct queue_job *queued)
{
    struct task *task = task_begin(jobs->worker, NO_SHARD, jobs);

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

/* Called when the queue was read: starts each job in the first free place of JOBS_AT_ONCE. There
 * are enough of them, since only this function starts jobs, and no more jobs were read than places
 * were free. */
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
    jobs->idle_reads = n > 0 ? 0 : jobs->idle_reads + 1;
    for (size_t i = 0; i < n; i++) {
        int place = 0;

        while (place < JOBS_AT_ONCE && jobs->places[place].task)
            place++;
        if (place < JOBS_AT_ONCE) /* without a place the job stays pending, and is claimed later */
            jobs_start_job(jobs, &jobs->places[place], &queued[i]);
    }
    task_end(task);
}

/* Decides how many jobs of each priority to read. Of eight jobs, five are of high priority, two of
 * normal and one of low priority, so that low priority always makes progress. cursor: number of
 * jobs read so far, from which the fixed order is continued. */
static void jobs_share_capacity(unsigned cursor, size_t capacity,
                                size_t ret_counts[QUEUE_PRIORITIES])
{
    static const enum queue_priority order[] = {QUEUE_HIGH, QUEUE_HIGH,   QUEUE_NORMAL, QUEUE_HIGH,
                                                QUEUE_HIGH, QUEUE_NORMAL, QUEUE_HIGH,   QUEUE_LOW};

    memset(ret_counts, 0, QUEUE_PRIORITIES * sizeof(*ret_counts));
    for (size_t i = 0; i < capacity; i++)
        ret_counts[order[(cursor + i) % (sizeof(order) / sizeof(order[0]))]]++;
}

/* Sends the commands that move jobs whose pause is over back to the queue, and then read new jobs;
 * every CLAIM_INTERVAL_US it claims jobs of dead workers instead of reading new ones. */
static void jobs_read(struct jobs *jobs, size_t capacity)
{
    const struct worker_context *worker = jobs->worker;
    size_t counts[QUEUE_PRIORITIES];
    struct task *task = task_begin(jobs->worker, NO_SHARD, jobs);

    if (!task)
        return;
    jobs->reading = true;
    queue_cmd_requeue_due(&task->pipeline, worker->now_ms);
    if (worker->now_us >= jobs->next_claim_us) {
        jobs->next_claim_us = worker->now_us + CLAIM_INTERVAL_US;
        task->data = queue_cmd_claim(&task->pipeline, worker->id, capacity, CLAIM_IDLE_MS);
    } else {
        jobs_share_capacity(jobs->rr_cursor, capacity, counts);
        task->data = queue_cmd_read(&task->pipeline, worker->id, capacity, counts);
    }
    task_submit(task, jobs_on_read);
}

/* Renews the running jobs, so that no other worker claims them: a batch or a callback may take
 * longer than CLAIM_IDLE_MS. The replies are ignored. */
static void jobs_renew(struct jobs *jobs)
{
    struct worker_context *worker = jobs->worker;
    struct task *task;

    if (jobs->running == 0 || worker->now_us < jobs->next_renew_us)
        return;
    jobs->next_renew_us = worker->now_us + RENEW_INTERVAL_US;
    task = task_begin(worker, NO_SHARD, jobs);
    if (!task)
        return;
    for (int i = 0; i < JOBS_AT_ONCE; i++) {
        struct queue_job queued = jobs->places[i].queued;

        if (!jobs->places[i].task)
            continue;
        /* copied, because the job may end before this task */
        queued.id = arena_copy(task->arena, queued.id);
        queue_cmd_renew(&task->pipeline, worker->id, &queued);
    }
    task_submit(task, task_end);
}

/* Renews the running jobs, and reads the queue forty times a second (five times, when there were no
 * jobs for some seconds), and at once after a job has ended. A blocking read (as for the journals)
 * is not used: it would wake every worker for each job, and only one of them would get the job. */
void jobs_tick(struct jobs *jobs)
{
    struct worker_context *worker = jobs->worker;
    size_t capacity = JOBS_AT_ONCE - jobs->running;

    jobs_renew(jobs);
    if (jobs->running > 0)
        worker_wake_at(worker, jobs->next_renew_us);
    if (worker_draining(worker) || jobs->reading || capacity == 0)
        return;
    if (worker->now_us >= jobs->next_read_us) {
        jobs->next_read_us =
            worker->now_us +
            (jobs->idle_reads < IDLE_READS ? READ_INTERVAL_US : IDLE_READ_INTERVAL_US);
        jobs_read(jobs, capacity);
    }
    worker_wake_at(worker, jobs->next_read_us);
}

void jobs_close(struct jobs *jobs)
{
    for (int i = 0; i < JOBS_AT_ONCE; i++)
        job_release_call(&jobs->places[i]);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The job kind "event": a learning event that became a dead letter and is processed again
 * (mastery-ctl dead retry). The body of the job is only the id of the dead letter, so the queue
 * holds no personal data. The dead letter stays until the event is counted. It contains a
 * CloudEvent or the event alone ("bare"). The event is processed as if it had just arrived; its
 * event id makes sure that it counts once. */
#include "app/worker/job_kinds.h"

#include "app/http/json.h"
#include "app/ingest/cloudevent.h"
#include "app/ingest/event_batch.h"
#include "app/store/dead_letter.h"
#include "app/store/reply.h"
#include "app/store/stream.h"

/* What the job keeps between two calls of its step function. */
struct event_job {
    /* Reads the dead letter with the event; NULL: it was read, and the computation of the student's
     * new state (record_step) was started. */
    struct command *letter_cmd;
    /* Removes the dead letter, the last step, after the event was counted for the student; NULL:
     * not sent yet. */
    struct command *remove_cmd;
    struct event_input input; /* the event, as every way of input delivers it */
    struct record record;     /* progress of the computation that the event causes */
};

/* Parses the event of the dead letter (text), which is processed again, into ret_input. Returns
 * false with job->problem set if it is not a learning event. */
static bool event_job_parse(struct job *job, struct str text, int64_t now_ms,
                            struct event_input *ret_input)
{
    struct arena *arena = job->task->arena;
    struct problem *p = &job->problem;
    struct json_object *body = json_parse(text, arena, p);

    return p->code == PROBLEM_NONE && cloudevent_json_to_event(body, now_ms, arena, ret_input, p);
}

/* First step of the event job: queues the command that reads the dead letter. Returns STEP_DONE
 * with job->problem set when it cannot. */
static enum step event_job_read(struct job *job)
{
    struct event_job *state = job->state = arena_zalloc(job->task->arena, sizeof(*state));

    if (!state) {
        problem_unavailable(&job->problem, /* retry_after_s */ 1);
        return STEP_DONE;
    }
    if (!stream_id_valid(job->queued.body)) {
        problem_set(&job->problem, PROBLEM_INTERNAL_ERROR, "not the id of a dead letter");
        return STEP_DONE;
    }
    state->letter_cmd = dead_letter_cmd_get(&job->task->pipeline, job->queued.body);
    return STEP_MORE;
}

/* The second step: parses the event and starts the computation. The correlation id, which links log
 * lines and audit records, is the id of the job in the queue. An erasure may have removed the dead
 * letter: then nothing is left to do. */
static enum step event_job_start(struct worker_context *worker, struct job *job)
{
    struct arena *arena = job->task->arena;
    struct event_job *state = job->state;
    struct dead_letter letter;
    bool exists = false;

    if (!dead_letter_parse_get(state->letter_cmd, arena, &exists, &letter, &job->problem) ||
        !exists || !event_job_parse(job, letter.event, worker->now_ms, &state->input))
        return STEP_DONE;
    state->letter_cmd = NULL;
    state->record =
        (struct record){.student = state->input.student,
                        .kind = RECORD_EVENT,
                        .event = state->input.event,
                        .event_id = state->input.event_id,
                        .event_json = event_input_json(&state->input, state->input.student, arena),
                        .now_ms = worker->now_ms,
                        .actor = STR("worker"),
                        .correlation_id = job->queued.id};
    if (!state->record.event_json.p) {
        problem_unavailable(&job->problem, /* retry_after_s */ 1);
        return STEP_DONE;
    }
    pipeline_clear(&job->task->pipeline);
    return record_step(&state->record, worker->engine, &job->task->pipeline, &job->problem);
}

/* Called when the computation has ended. Counts the outcome of the event and removes its dead
 * letter. If the student was erased or has withdrawn consent (PROBLEM_FORBIDDEN), the dead letter
 * is removed too, because it would retain what is refused. After any other failure the dead letter
 * stays. */
static enum step event_job_finish(struct worker_context *worker, struct job *job)
{
    struct event_job *state = job->state;
    bool refused = job->problem.code == PROBLEM_FORBIDDEN;
    enum event_status outcome = state->record.duplicate ? EVENT_DUPLICATE : EVENT_ACCEPTED;

    if (job->problem.code != PROBLEM_NONE && !refused)
        return STEP_DONE;
    event_metrics_add(worker->engine, &state->input, refused ? EVENT_REJECTED : outcome);
    job->problem = (struct problem){.code = PROBLEM_NONE};
    pipeline_clear(&job->task->pipeline);
    state->remove_cmd =
        dead_letter_cmd_remove(&job->task->pipeline, &job->queued.body, /* count */ 1);
    return STEP_MORE;
}

/* The step function of the job kind "event": read the dead letter, start the computation, continue
 * it, remove the dead letter. If letter_cmd is still set after event_job_start, the job has ended
 * there: the dead letter is gone, or it is no valid event. */
enum step job_event(struct worker_context *worker, struct job *job)
{
    struct event_job *state = job->state;
    enum step step;
    int64_t removed;

    if (!state)
        return event_job_read(job);
    if (state->remove_cmd) {
        (void)reply_expect_int(state->remove_cmd->reply, &removed, &job->problem);
        return STEP_DONE;
    }
    step = state->letter_cmd
               ? event_job_start(worker, job)
               : record_step(&state->record, worker->engine, &job->task->pipeline, &job->problem);
    return step == STEP_MORE || state->letter_cmd ? step : event_job_finish(worker, job);
}

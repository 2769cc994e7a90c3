/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The job kind "event": a learning event that became a dead letter and is processed again
 * (mastery-ctl dead retry). The body of the job is a CloudEvent or the event alone ("bare"). The
 * event is processed as if it had just arrived; its event id makes sure that it counts once. */
#include "app/worker/job_kinds.h"

#include "app/http/json.h"
#include "app/ingest/cloudevent.h"
#include "app/ingest/event_batch.h"

/* What the job keeps between two calls of its step function. */
struct event_job {
    struct event_input input; /* the event, as every way of input delivers it */
    struct record record;     /* progress of the computation that the event causes */
};

/* Parses the body of the job into ret_input. Returns false with job->problem set if it is not a
 * learning event. */
static bool event_job_parse(struct job *job, int64_t now_ms, struct event_input *ret_input)
{
    struct arena *arena = job->task->arena;
    struct problem *p = &job->problem;
    struct json_object *body = json_parse(job->queued.body, arena, p), *version = NULL;
    struct cloudevent event;

    if (p->code != PROBLEM_NONE)
        return false;
    /* every CloudEvent has "specversion"; a bare event (one without that envelope) has not */
    if (!json_object_is_type(body, json_type_object) ||
        !json_object_object_get_ex(body, "specversion", &version))
        return cloudevent_bare_to_event(body, now_ms, arena, ret_input, p);
    return cloudevent_parse(body, arena, &event, p) &&
           cloudevent_to_event(&event, now_ms, arena, ret_input, p);
}

/* The first step: parses the event and starts the computation. The correlation id, which links log
 * lines and audit records, is the id of the job in the queue. STEP_DONE with job->problem set is a
 * failure. */
static enum step event_job_start(struct worker_context *w, struct job *job)
{
    struct arena *arena = job->task->arena;
    struct event_job *e = job->state = arena_zalloc(arena, sizeof(*e));

    if (!e) {
        problem_unavailable(&job->problem, 1);
        return STEP_DONE;
    }
    if (!event_job_parse(job, w->now_ms, &e->input))
        return STEP_DONE;
    e->record = (struct record){.student = e->input.student,
                                .kind = RECORD_EVENT,
                                .event = e->input.event,
                                .event_id = e->input.event_id,
                                .event_json = event_input_json(&e->input, e->input.student, arena),
                                .now_ms = w->now_ms,
                                .actor = STR("worker"),
                                .correlation_id = job->queued.id};
    if (!e->record.event_json.p) {
        problem_unavailable(&job->problem, 1);
        return STEP_DONE;
    }
    return record_step(&e->record, w->engine, &job->task->pipeline, &job->problem);
}

/* The step function of the job kind. If the student was erased or has withdrawn consent, the job
 * ends without a problem: a failed job would become a dead letter, which would retain data of this
 * student. */
enum step job_event(struct worker_context *w, struct job *job)
{
    struct event_job *e = job->state;
    struct problem *p = &job->problem;

    if (!e)
        return event_job_start(w, job);
    if (record_step(&e->record, w->engine, &job->task->pipeline, p) == STEP_MORE)
        return STEP_MORE;
    if (p->code == PROBLEM_FORBIDDEN) {
        event_metrics_add(w->engine, &e->input, EVENT_REJECTED);
        *p = (struct problem){.code = PROBLEM_NONE};
    } else if (p->code == PROBLEM_NONE) {
        event_metrics_add(w->engine, &e->input,
                          e->record.duplicate ? EVENT_DUPLICATE : EVENT_ACCEPTED);
    }
    return STEP_DONE;
}

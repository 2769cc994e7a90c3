/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A learning event that could not be taken when it came and is tried again (mastery-ctl dead
 * retry): counted as if it had come anew, in its CloudEvent or without one. */
#include "app/http/json.h"
#include "app/ingest/cloudevent.h"
#include "app/ingest/event_batch.h"
#include "app/worker/worker.h"

struct event_job {
    struct event_input in;
    struct record record;
};

static bool read_event(struct worker *w, struct job *job, struct event_input *in)
{
    struct arena *arena = job->task->arena;
    struct json_object *body = json_parse(job->q.body, arena, &job->problem), *version = NULL;
    struct cloudevent event;

    if (job->problem.code != PROBLEM_NONE)
        return false;
    if (!json_object_is_type(body, json_type_object) ||
        !json_object_object_get_ex(body, "specversion", &version))
        return cloudevent_bare_to_event(body, w->now_ms, arena, in, &job->problem);
    return cloudevent_parse(body, arena, &event, &job->problem) &&
           cloudevent_to_event(&event, w->now_ms, arena, in, &job->problem);
}

static enum step begin(struct worker *w, struct job *job)
{
    struct event_job *e = job->state = arena_zalloc(job->task->arena, sizeof(*e));

    if (!e) {
        problem_unavailable(&job->problem, 1);
        return STEP_DONE;
    }
    if (!read_event(w, job, &e->in))
        return STEP_DONE;
    e->record =
        (struct record){.student = e->in.student,
                        .kind = RECORD_EVENT,
                        .event = e->in.event,
                        .event_id = e->in.event_id,
                        .event_json = event_input_json(&e->in, e->in.student, job->task->arena),
                        .now_ms = w->now_ms,
                        .actor = STR("worker"),
                        .correlation_id = job->q.id};
    if (!e->record.event_json.p) {
        problem_unavailable(&job->problem, 1);
        return STEP_DONE;
    }
    return record_step(&e->record, w->engine, &job->task->pipeline, &job->problem);
}

/* The student is erased, or wants no new data: a dead letter would keep some. */
static bool refused(const struct problem *p)
{
    return p->code == PROBLEM_NOT_FOUND || p->code == PROBLEM_FORBIDDEN;
}

enum step job_event(struct worker *w, struct job *job)
{
    struct event_job *e = job->state;

    if (!e)
        return begin(w, job);
    if (record_step(&e->record, w->engine, &job->task->pipeline, &job->problem) == STEP_MORE)
        return STEP_MORE;
    if (refused(&job->problem)) {
        event_metrics_add(w->engine, &e->in, EVENT_REJECTED);
        job->problem = (struct problem){.code = PROBLEM_NONE};
    } else if (job->problem.code == PROBLEM_NONE) {
        event_metrics_add(w->engine, &e->in,
                          e->record.duplicate ? EVENT_DUPLICATE : EVENT_ACCEPTED);
    }
    return STEP_DONE;
}

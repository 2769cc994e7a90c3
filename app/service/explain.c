/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads in steps: first the student's state, then the event log page by page, and with each page
 * the state again. The last step computes the explanation. */
#include "app/service/explain.h"

#include "app/store/student.h"

/* First sizes of page_arena and event_arena, and their greatest size, in bytes. One event is at
 * most 1 MiB of JSON. */
enum { PAGE_FIRST = 64 << 10, EVENT_FIRST = 16 << 10, ARENA_CAP = 16 << 20 };

bool explain_init(struct explain *e)
{
    e->page_arena = arena_new(PAGE_FIRST, ARENA_CAP);
    e->event_arena = arena_new(EVENT_FIRST, ARENA_CAP);
    return e->page_arena && e->event_arena;
}

void explain_release(struct explain *e)
{
    arena_free(e->page_arena);
    arena_free(e->event_arena);
}

/* Adds an event of the log to the explanation. */
static void explain_add_logged(void *explain, const struct logged_event *logged, struct problem *p)
{
    struct explain *e = explain;
    struct explain_event event;

    (void)p; /* an event that cannot be parsed is skipped */
    arena_reset(e->event_arena);
    if (logged->text.p && e->read_event(logged->text, e->event_arena, &event))
        explanation_add_event(&e->explanation, &event.event, event.type, event.id,
                              logged->recorded_at_ms);
}

/* Queues the next page of the log and, after it, the read of the state. */
static enum step explain_queue_page(struct explain *e, struct pipeline *pipeline)
{
    arena_reset(e->page_arena);
    pipeline_init(pipeline, e->page_arena, pipeline->owner);
    event_log_queue(&e->log, pipeline);
    e->state_cmd = student_cmd_state(pipeline, e->student);
    e->in_log = true;
    return STEP_MORE;
}

/* The first call queues the read of the state. Each later call parses the state and, unless it is
 * the second call, the page of the log, and queues the next page; after the last page it finishes
 * the explanation. */
enum step explain_step(struct explain *e, struct pipeline *pipeline, struct problem *p)
{
    struct mastery_state state;

    if (!e->state_cmd) {
        explanation_init(&e->explanation, e->now_ms);
        e->log = (struct event_log){.student = e->student, .arena = e->arena};
        e->state_cmd = student_cmd_state(pipeline, e->student);
        return STEP_MORE;
    }
    if (!student_parse_state(e->state_cmd, &state, p))
        return STEP_DONE;
    if (mastery_state_empty(&state)) {
        problem_set(p, PROBLEM_NOT_FOUND, "There is no data about this student");
        return STEP_DONE;
    }
    explanation_set_state(&e->explanation, &state);
    if (!e->in_log || event_log_parse(&e->log, e->page_arena, explain_add_logged, e, p))
        return explain_queue_page(e, pipeline);
    if (p->code == PROBLEM_NONE)
        explanation_finish(&e->explanation);
    return STEP_DONE;
}

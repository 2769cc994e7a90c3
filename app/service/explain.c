/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads in steps: first the student's state, then the event log page by page, and with each page
 * the state again. The last step computes the explanation. */
#include "app/service/explain.h"

#include "app/store/student.h"

/* First sizes of page_arena and event_arena, and their greatest size, in bytes. One event is at
 * most 1 MiB of JSON. */
enum { PAGE_FIRST = 64 << 10, EVENT_FIRST = 16 << 10, ARENA_CAP = 16 << 20 };

bool explain_init(struct explain *explain)
{
    explain->page_arena = arena_new(PAGE_FIRST, ARENA_CAP);
    explain->event_arena = arena_new(EVENT_FIRST, ARENA_CAP);
    return explain->page_arena && explain->event_arena;
}

void explain_release(struct explain *explain)
{
    arena_free(explain->page_arena);
    arena_free(explain->event_arena);
}

/* Adds an event of the log to the explanation. event_log_parse calls it for each event; `explain`
 * is a struct explain. */
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

/* Queues the read of the next page of the log and, after it, of the student's state. The state that
 * is read with the last page is explained, so that it has all changes that are in the log. */
static enum step explain_queue_page(struct explain *explain, struct pipeline *pipeline)
{
    arena_reset(explain->page_arena);
    pipeline_init(pipeline, explain->page_arena, pipeline->owner);
    event_log_queue(&explain->log, pipeline);
    explain->state_cmd = student_cmd_state(pipeline, explain->student);
    explain->in_log = true;
    return STEP_MORE;
}

/* The first call queues the read of the state. Each later call parses the state and, unless it is
 * the second call, the page of the log, and queues the next page; after the last page it finishes
 * the explanation. */
enum step explain_step(struct explain *explain, struct pipeline *pipeline, struct problem *p)
{
    struct mastery_state state;

    if (!explain->state_cmd) {
        explanation_init(&explain->explanation, explain->now_ms);
        explain->log = (struct event_log){.student = explain->student, .arena = explain->arena};
        explain->state_cmd = student_cmd_state(pipeline, explain->student);
        return STEP_MORE;
    }
    if (!student_parse_state(explain->state_cmd, &state, p))
        return STEP_DONE;
    if (mastery_state_empty(&state)) {
        problem_set(p, PROBLEM_NOT_FOUND, "There is no data about this student");
        return STEP_DONE;
    }
    explanation_set_state(&explain->explanation, &state);
    if (!explain->in_log ||
        event_log_parse(&explain->log, explain->page_arena, explain_add_logged, explain, p))
        return explain_queue_page(explain, pipeline);
    if (p->code == PROBLEM_NONE)
        explanation_finish(&explain->explanation);
    return STEP_DONE;
}

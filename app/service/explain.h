/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads what explains a student's score (domain/explain.h): the student's state and event log. The
 * state is read first, and again after each page of the log, so that it is never older than the
 * events that were read, which are part of its evidence. One step reads one page. */
#ifndef SERVICE_EXPLAIN_H
#define SERVICE_EXPLAIN_H

#include "app/domain/explain.h"
#include "app/http/route.h"
#include "app/service/event_log.h"

/* An event of the student's event log, in the form in which the mastery model counts it. */
struct explain_event {
    char id[EXPLAIN_EVENT_ID_SIZE];
    enum event_type type;
    struct learning_event event;
};
/* Fills *ret from the JSON text of a stored event; returns false when it is not a valid event. It
 * is a parameter because the rules for events are in app/ingest, which this folder must not call.
 */
typedef bool explain_event_reader(struct str text, struct arena *arena, struct explain_event *ret);

struct explain {
    /* in: set by the caller */
    struct str student;
    int64_t now_ms;
    explain_event_reader *read_event;
    struct arena *arena; /* memory that lives as long as the reading */
    /* out: the explanation of the score; set when the last step ends without a problem */
    struct explanation explanation;
    /* private: used only by explain.c */
    struct event_log log;
    struct command *state_cmd;
    /* a page of the event log was queued: the next call reads it */
    bool in_log;
    struct arena *page_arena;  /* memory of one page, reset by each step */
    struct arena *event_arena; /* memory for reading one event, reset for each */
};

/* Allocates what the reading needs. Call with the internal fields zeroed. False when out of
 * memory. The caller calls explain_release in any case. */
bool explain_init(struct explain *explain);
/* Releases what explain_init has allocated. */
void explain_release(struct explain *explain);
/* Call after explain_init, and again after each round trip until STEP_DONE. The first call queues
 * the read of the state in the pipeline as it is, together with what the caller has queued; after
 * it the pipeline uses page_arena. Problems: NOT_FOUND for a student without data,
 * SERVICE_UNAVAILABLE, INTERNAL_ERROR. An entry of the log that is no valid event is left out: its
 * weight is in the `other_share` of its component, the share that no listed event explains. */
enum step explain_step(struct explain *explain, struct pipeline *pipeline, struct problem *p);

#endif

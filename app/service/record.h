/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records a change of one student's mastery: reads the student's state, computes the new one, and
 * writes it if Redis still has the state that was read; else computes again from the state that
 * Redis has now. Scores change in no other way. */
#ifndef SERVICE_RECORD_H
#define SERVICE_RECORD_H

#include "app/http/route.h"
#include "app/service/engine.h"
#include "app/store/student.h"

/* An attempt fails only because another write of the same student succeeded or is in flight: many
 * are needed only when many clients write about one student at once. */
enum { RECORD_ATTEMPTS_MAX = 200 };

enum record_kind {
    RECORD_STATEMENT, /* calculate: sets all four components as of now */
    RECORD_EVENT,     /* a learning event: counts for the day of its time, once for its id */
    RECORD_RECOMPUTE, /* nothing new: the result is computed again from the stored state */
};

struct record {
    /* in: set by the caller */
    struct str student;
    enum record_kind kind;
    double components[COMPONENTS]; /* RECORD_STATEMENT: the stated components */
    bool own_weights;              /* RECORD_STATEMENT: `weights` replaces the usual weights */
    double weights[COMPONENTS];
    struct learning_event event; /* RECORD_EVENT: the event */
    struct str event_id;   /* the change is made once for this id; may be empty for other kinds */
    struct str event_json; /* RECORD_EVENT: the event as JSON, for the export */
    struct str mark;       /* text stored with event_id, for a later request with that id to see */
    bool is_analytics;     /* the change is refused when consent to analytics is withdrawn */
    /* A list's later event: the first call may build on a write of the student that this process
     * has in flight, and queue its own write at once. For callers whose access has been decided. */
    bool follows;
    int64_t now_ms;
    struct str actor; /* who makes the change, for the journal */
    const char *actor_role;
    struct str correlation_id;
    struct str traceparent; /* trace of the request, for the events that follow; may be empty */
    /* out: set when the last step ends without a problem */
    bool duplicate; /* event_id was recorded before: nothing has changed. RECORD_EVENT: of the
                     * fields below, only previous_mark is set. Other kinds: state, result and
                     * result_json are those that are stored now */
    struct str previous_mark; /* duplicate event: `mark` of the change that was recorded before */
    struct mastery_state state;
    struct mastery_result result;
    struct str result_json; /* the MasteryResult as stored */
    bool is_first;          /* the student had no data before */
    enum level previous_level;
    bool is_erased; /* the problem FORBIDDEN was set because the student was erased */
    /* internal to the implementation: callers do not use them */
    struct command *profile_cmd, *days_cmd, *openings_cmd, *write_cmd;
    int attempts;
};

/* Runs the next step of recording. Call with the input fields set and all others zeroed,
 * then again after each pipeline until STEP_DONE. The first call queues reads only: an access check
 * that is queued with them is decided before anything is written. Problems: NOT_FOUND for a student
 * without data to recompute from; FORBIDDEN for an erased student, or when consent to data
 * processing (or, for is_analytics, to analytics) is withdrawn; SERVICE_UNAVAILABLE when Redis is
 * unavailable (the outcome of a write is then unknown: repeat it) or other writes of the student
 * always came first. */
enum step record_step(struct record *r, struct engine *engine, struct pipeline *pipeline,
                      struct problem *p);

/* Returns whether the change has queued or sent the write of the student's latest state, so that a
 * change of the same or a later day may follow it (r->follows) without waiting for the reply. */
bool record_may_be_followed(const struct record *r);

#endif

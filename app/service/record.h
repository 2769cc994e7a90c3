/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recording a change of one student's mastery: read the state, compute the new one, write it if the
 * old one is still there, else again with what is there now. The one way by which scores change. */
#ifndef SERVICE_RECORD_H
#define SERVICE_RECORD_H

#include "app/http/route.h"
#include "app/service/engine.h"
#include "app/store/student.h"

/* Each failed try means that another write of the student has been made, or is on its way: many are
 * needed only when many clients write about one student at once. */
enum { RECORD_ATTEMPTS_MAX = 200 };

enum record_kind {
    RECORD_STATEMENT, /* calculate: all four components as they stand now */
    RECORD_EVENT,     /* a learning event, counted for the day of its time, once for its id */
    RECORD_RECOMPUTE, /* nothing new: the result is made again from the state that is stored */
};

struct record {
    /* in */
    struct str student;
    enum record_kind kind;
    double components[COMPONENTS]; /* RECORD_STATEMENT */
    bool own_weights;
    double weights[COMPONENTS];
    struct learning_event event; /* RECORD_EVENT */
    struct str event_id; /* the change is made once for this id; of other kinds too: may be empty */
    struct str event_json; /* as it will be kept for the export */
    struct str mark;       /* kept beside event_id, given back to whoever brings it again */
    bool is_analytics;     /* it counts as analytics, to which consent may have been withdrawn */
    int64_t now_ms;
    struct str actor; /* who does it, and in which role, for the journal */
    const char *actor_role;
    struct str correlation_id;
    struct str traceparent; /* of the request, carried on to the events that follow; may be empty */
    /* out, when done without a problem */
    bool duplicate; /* the change had been made before: nothing has changed. Of an event only
                     * mark_before is set below; of other kinds what is stored now is shown */
    struct str previous_mark;
    struct mastery_state state;
    struct mastery_result result;
    struct str result_json; /* the MasteryResult as stored */
    bool is_first;          /* the student had no data before */
    enum level previous_level;
    /* own */
    struct command *profile_cmd, *days_cmd, *write_cmd;
    int attempts;
};

/* Call with record filled and zeroed below; again after each round of asks until STEP_DONE. The
 * first call only reads, so a right that is asked for in the same round is known before anything is
 * written. Problems: NOT_FOUND for an erased student, or one without data to recompute from,
 * FORBIDDEN for one who has withdrawn consent to data processing (or to the analysis that it is),
 * SERVICE_UNAVAILABLE when the store is away (the outcome of a write is then unknown: repeat it) or
 * the student is too busy. */
enum step record_step(struct record *r, struct engine *engine, struct pipeline *pipeline,
                      struct problem *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records a change of one student's mastery: reads the student's state, computes the new one, and
 * writes it if Redis still has the state that was read; else computes again from the state that
 * Redis has now. Scores change in no other way. */
#ifndef SERVICE_RECORD_H
#define SERVICE_RECORD_H

#include "app/http/route.h"
#include "app/service/engine.h"
#include "app/store/student_days.h"

/* Most attempts to write a change. One fails only because another process has written to the same
 * student: many are needed only when many processes write about one student all the time. */
enum { RECORD_ATTEMPTS_MAX = 200 };

enum record_kind {
    RECORD_STATEMENT, /* route `calculate`: the client sets all components of mastery as of now */
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
    /* the change is made once for this id; may be empty unless RECORD_EVENT */
    struct str event_id;
    struct str event_json; /* RECORD_EVENT: the event as JSON, for the export */
    /* the mark: text that is stored with event_id, and returned to a later request with that id */
    struct str mark;
    bool is_analytics; /* the change is refused when consent to analytics is withdrawn */
    /* For one of several changes of a request (an event batch), whose commands are sent in one
     * pipeline: any address that is the same for all of them. Else NULL. */
    const void *list;
    /* An earlier change of the same student in `list` still runs (record_may_be_followed): this
     * one is computed from the state that it leaves, without a read of its own. Only for callers
     * that have checked access already. */
    bool follows;
    int64_t now_ms;
    struct str actor; /* who makes the change, for the journal */
    const char *actor_role;
    struct str correlation_id;
    struct str traceparent; /* trace of the request, for the events that follow; may be empty */
    /* out: set when the last step ends without a problem */
    /* event_id was recorded before: nothing has changed. Of the fields below, a RECORD_EVENT then
     * sets previous_mark only; for other kinds state and result are those that are stored now */
    bool duplicate;
    /* duplicate RECORD_EVENT: the mark (text) that the first request with event_id has stored */
    struct str previous_mark;
    struct mastery_state state;
    struct mastery_result result;
    bool is_first; /* the student had no data before */
    enum level previous_level;
    bool is_erased; /* the problem FORBIDDEN was set because the student was erased */
    /* internal to the implementation: callers do not use them */
    struct command *profile_cmd, *days_cmd, *openings_cmd, *write_cmd;
    int attempts;
    /* The queue (record_queue.h): the changes of this process to the student that are not written
     * yet. Its leader reads, and writes by one script for itself and for others of them that wait
     * (record_group.h). */
    struct record_queue *queue; /* the queue of the student, while the change is in it; else NULL */
    /* set when it queues a script: the packed state (binary form) that the script will leave */
    struct str packed;
    struct record *next; /* the next change that waits in the same queue; NULL: none */
    /* Memory of its request. A leader that writes this change copies previous_mark and `written` to
     * it, since its own memory may be freed first. */
    struct arena *arena;
    /* its pipeline, while that has no commands but waits for the leader (is_parked); else NULL */
    struct pipeline *parked;
    bool has_waited; /* its pipeline was parked before: it has waited for a leader */
    /* number of its entry in the latest script of the queue's leader, from 1; 0: it has none */
    size_t place;
    /* another change in the script has the same event_id: `place` is that of the other one */
    bool repeats;
    /* a script that another change sent has decided about this one, too: `outcome` */
    bool is_settled;
    enum change_outcome outcome; /* if is_settled: what became of the change */
    /* if is_settled: number of the connection (store_generation) that carried the script */
    unsigned generation;
    /* if is_settled, in a cluster: servers that executed the script, whose replicas the response
     * may have to wait for (WAIT) */
    struct written *written;
    /* its next script has no other change: others that repeat events made Redis refuse the last one
     */
    bool is_alone;
    /* a leader could not write it together with itself: it leads before those that came later */
    bool must_lead;
};

/* Runs the next step of recording. Call with the input fields set and all others zeroed,
 * then again after each pipeline until STEP_DONE. Other changes of the student in this process may
 * be written together with it, so the struct must stay where it is until then. The first call
 * queues reads only: an access check that is queued with them is decided before anything is
 * written. Problems: NOT_FOUND for a student without data to recompute from; FORBIDDEN for an
 * erased student, or when consent to data processing (or, for is_analytics, to analytics) is
 * withdrawn; SERVICE_UNAVAILABLE when Redis is unavailable (the outcome of a write is then unknown:
 * repeat it) or other writes of the student always came first. */
enum step record_step(struct record *r, struct engine *engine, struct pipeline *pipeline,
                      struct problem *p);

/* Returns whether a later change of the same request to the student may follow this one
 * (r->follows), instead of reading the student again. It may as soon as access is decided: by the
 * replies to this change's first reads, or to those of the change that it follows. Each change in
 * the student's queue has come so far. */
bool record_may_be_followed(const struct record *r);

#endif

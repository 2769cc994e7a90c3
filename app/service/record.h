/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records a change of one student's mastery: reads the student's state, computes the new one, and
 * writes it if Redis still has the state that was read; else computes again from the state that
 * Redis has now. Scores change in no other way. */
#ifndef SERVICE_RECORD_H
#define SERVICE_RECORD_H

#include "app/http/route.h"
#include "app/service/engine.h"
#include "app/store/student.h"

/* An attempt fails only because another process has written to the same student: many are needed
 * only when many processes write about one student all the time. */
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
    /* The list of a request to which the change belongs, any address that is the same for all of
     * them; NULL: none. The commands of its changes are sent in one pipeline. */
    const void *list;
    /* A list's later change: it is made after the earlier ones of the student, which are in the
     * line, without a read of its own. For callers whose access has been decided. */
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
    struct str result_json; /* the MasteryResult of `result`; may be empty for RECORD_EVENT */
    bool is_first;          /* the student had no data before */
    enum level previous_level;
    bool is_erased; /* the problem FORBIDDEN was set because the student was erased */
    /* internal to the implementation: callers do not use them */
    struct command *profile_cmd, *days_cmd, *openings_cmd, *write_cmd;
    int attempts;
    /* The changes of the same student in this process (record_line.h, record_group.h). */
    struct record_line *line;    /* NULL: in none */
    struct str packed;           /* state that the script leaves which it has sent as the leader */
    struct record *next;         /* that waits in the line */
    struct arena *arena;         /* memory of its request, for what the leader leaves it */
    struct pipeline *parked;     /* its pipeline, while that waits for the leader; else NULL */
    bool has_waited;             /* it was parked before */
    size_t place;                /* place in the leader's script, from 1; 0: not in it */
    bool repeats;                /* `place` is that of another change, which has its event_id */
    bool is_settled;             /* the leader's script has decided about it: `outcome` */
    enum change_outcome outcome; /* if is_settled */
    unsigned generation;         /* if is_settled: the connection of the leader's script */
    struct written *written;     /* if is_settled, in a cluster: servers that executed the script */
    bool is_alone;               /* its next write is its own only */
    bool must_lead; /* a leader was not written with it: it leads before those after it */
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

/* Returns whether a later change of the same list may follow this one (r->follows): its first
 * reads, with which the access was decided, have their replies. */
bool record_may_be_followed(const struct record *r);

#endif

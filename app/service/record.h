/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recording a change of one student's mastery: read the state, compute the new one, write it if the
 * old one is still there, else again with what is there now. The one way by which scores change. */
#ifndef SERVICE_RECORD_H
#define SERVICE_RECORD_H

#include "app/http/route.h"
#include "app/service/engine.h"
#include "app/store/student.h"

enum { RECORD_TRIES = 10 };

struct record {
    /* in */
    struct str student;
    double components[COMPONENTS]; /* what is stated */
    bool own_weights;
    double weights[COMPONENTS];
    int64_t at_ms;    /* when it is stated: the state moves to this time */
    struct str actor; /* who does it, for the journal */
    struct str correlation_id;
    /* out, when done without a problem */
    struct mastery_state state;
    struct mastery_result result;
    struct str result_json; /* the MasteryResult as stored */
    bool first;             /* the student had no data before */
    enum level level_before;
    /* own */
    struct ask *read, *written;
    int tries;
};

/* Call with record filled and zeroed below; again after each round of asks until STEP_DONE. The
 * first call only reads, so a right that is asked for in the same round is known before anything is
 * written. */
enum step record_step(struct record *r, struct engine *engine, struct asks *asks,
                      struct problem *p);

/* The MasteryResult of the contract as JSON. */
struct str mastery_result_json(struct arena *arena, struct str student,
                               const struct mastery_result *result, int64_t calculated_at_ms,
                               bool with_components);

#endif

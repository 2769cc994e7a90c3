/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What many students know, read together: now, or at the close of a day. Two thousand students are
 * one round for the present; for a day those who have learnt since need their snapshots, which are
 * looked for backwards from it, a few weeks of a few hundred students a round. */
#ifndef SERVICE_COMPARISON_H
#define SERVICE_COMPARISON_H

#include "app/domain/daily.h"
#include "app/http/route.h"
#include "app/store/store.h"

enum {
    COMPARISON_STATES_MAX = 2000,   /* students whose state is read in one round */
    COMPARISON_SNAPSHOTS_MAX = 500, /* students whose snapshots are */
    COMPARISON_WINDOW_DAYS = 15,    /* ... of so many days each */
};

struct compared_student {
    struct str id;
    bool found;     /* there is data about this student, which may be compared */
    bool withdrawn; /* consent to analytics is: not found */
    struct daily daily;
    /* own */
    bool is_later; /* the state is of a later day than asked for */
    struct command *cmd;
};

struct comparison {
    /* in */
    struct compared_student *students; /* ids filled, the rest zeroed */
    size_t n;
    bool at_date;
    int32_t day;        /* as they stood at its close */
    int32_t oldest_day; /* no snapshot is older */
    /* own */
    bool started, states_read;
    size_t next;
    int32_t window_last;
};

/* The students of both lists, those of the first one first. */
bool comparison_fill(struct comparison *c, const struct str_list ids[2], struct arena *arena,
                     struct problem *p);
/* Call again after each round until STEP_DONE; with a problem, nothing is to be relied on. Clears
 * the asks of the rounds before. */
enum step comparison_step(struct comparison *c, struct pipeline *pipeline, struct problem *p);

/* The score, or one component's value; false when there is no evidence behind it. */
enum { OVERALL_SCORE = COMPONENTS };
bool comparison_value(const struct daily *d, int component, double *ret);
/* Those of the students who have one, sorted. ret has room for n; returns how many. */
size_t comparison_values(const struct compared_student *students, size_t n, int component,
                         double *ret);

#endif

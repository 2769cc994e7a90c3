/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the scores of many students: the current ones, or those at the close of a requested day.
 * One pipeline reads the current states of 2000 students. When a day is requested, a student whose
 * state is of a later day needs the latest snapshot (closing state of a day) up to the requested
 * day. It is searched backwards; one pipeline reads 15 days of 500 students. */
#ifndef SERVICE_COMPARISON_H
#define SERVICE_COMPARISON_H

#include "app/domain/daily.h"
#include "app/http/route.h"
#include "app/store/store.h"

enum {
    COMPARISON_STATES_MAX = 2000,   /* students whose state one pipeline reads */
    COMPARISON_SNAPSHOTS_MAX = 500, /* students whose snapshots one pipeline reads */
    COMPARISON_WINDOW_DAYS = 15,    /* days whose snapshots one pipeline reads */
};

/* A student whose score is read, and the result. */
struct compared_student {
    struct str id;
    bool found;         /* `daily` is set: the student has data that may be compared */
    bool withdrawn;     /* consent to analytics is withdrawn; `found` is then false */
    struct daily daily; /* score and components of the day; only with `found` */
    /* private: used only by comparison.c */
    /* the current state is of a day after comparison.day, so a snapshot (closing state) of that day
     * or an earlier one is needed */
    bool needs_snapshot;
    struct command *cmd; /* the student's command in the current pipeline, or NULL */
};

/* A read of the scores of many students. */
struct comparison {
    /* in: set by the caller */
    struct compared_student *students; /* the n students: ids filled, the other fields zeroed */
    size_t n;
    bool at_date;       /* scores at the close of `day` are requested, else current ones */
    int32_t day;        /* requested day; only with at_date */
    int32_t oldest_day; /* first day that may have a snapshot; only with at_date */
    /* private: used only by comparison.c */
    bool started;        /* the first step has run */
    bool states_read;    /* all states have been read */
    size_t next;         /* index of the student whose read is queued next */
    int32_t window_last; /* last day of the window of snapshots that is being read */
};

/* Allocates c->students with the ids of two lists (students of two cohorts, or of one cohort and a
 * single student), those of ids[0] first. False, with a problem, when out of memory. */
bool comparison_fill(struct comparison *c, const struct str_list ids[2], struct arena *arena,
                     struct problem *p);
/* Runs the next step of the reading. Call again after each pipeline until STEP_DONE, which is also
 * returned after a problem; the results are then incomplete. Each call clears the pipeline, so
 * replies to other commands in it must be parsed before. */
enum step comparison_step(struct comparison *c, struct pipeline *pipeline, struct problem *p);

enum { OVERALL_SCORE = COMPONENTS }; /* in place of a component: the score */
/* Returns in *ret the score (component OVERALL_SCORE) or the value of a component. Returns false
 * for a component that was never observed and so has no value. */
bool comparison_value(const struct daily *daily, int component, double *ret);
/* Stores the values of a component, or of the score (OVERALL_SCORE), of the students that have one,
 * in ascending order, and returns their number. ret has room for n values. */
size_t comparison_values(const struct compared_student *students, size_t n, int component,
                         double *ret);

#endif

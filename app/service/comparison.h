/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the scores of many students: current ones, or those at the close of a day. Current states
 * of 2000 students are one pipeline. For a day, students whose state is of a later day need their
 * latest snapshot before it: it is searched backwards, 15 days of 500 students per pipeline. */
#ifndef SERVICE_COMPARISON_H
#define SERVICE_COMPARISON_H

#include "app/domain/daily.h"
#include "app/http/route.h"
#include "app/store/store.h"

enum {
    /* of one pipeline */
    COMPARISON_STATES_MAX = 2000,   /* students whose state is read */
    COMPARISON_SNAPSHOTS_MAX = 500, /* students whose snapshots are read */
    COMPARISON_WINDOW_DAYS = 15,    /* days whose snapshots are read */
};

struct compared_student {
    struct str id;
    bool found;     /* the student has data that may be compared, in daily */
    bool withdrawn; /* consent to analytics is withdrawn: found is false */
    struct daily daily;
    /* own */
    bool is_later; /* the state is of a later day than requested: snapshots are needed */
    struct command *cmd;
};

struct comparison {
    /* in */
    struct compared_student *students; /* ids filled, the rest zeroed */
    size_t n;
    bool at_date;
    int32_t day;        /* at_date: scores at the close of this day */
    int32_t oldest_day; /* at_date: no older snapshot exists */
    /* own */
    bool started, states_read;
    size_t next;         /* student to read next */
    int32_t window_last; /* last day of the window of snapshots */
};

/* Allocates the students of both lists, those of ids[0] first. */
bool comparison_fill(struct comparison *c, const struct str_list ids[2], struct arena *arena,
                     struct problem *p);
/* Call again after each pipeline until STEP_DONE. After a problem the results are incomplete.
 * Clears the pipeline: parse the replies to other commands in it before. */
enum step comparison_step(struct comparison *c, struct pipeline *pipeline, struct problem *p);

/* The score, or the value of a component; false for a component without evidence. */
enum { OVERALL_SCORE = COMPONENTS };
bool comparison_value(const struct daily *daily, int component, double *ret);
/* The values of the students that have one, ascending. ret has room for n; returns their number. */
size_t comparison_values(const struct compared_student *students, size_t n, int component,
                         double *ret);

#endif

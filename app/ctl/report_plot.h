/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Draws the chart of mastery-ctl report with two panels. The upper panel has the daily scores over
 * bands for the four levels, and the prediction with its interval. The lower panel has the four
 * components of the score. */
#ifndef CTL_REPORT_PLOT_H
#define CTL_REPORT_PLOT_H

#include "app/ctl/subcommand.h"
#include "app/domain/prediction.h"
#include "app/service/history.h"

enum { REPORT_AHEAD_MAX = 30 }; /* greatest number of days to predict */

/* What the chart of mastery-ctl report shows. */
struct report {
    const char *title;
    struct history history; /* daily scores of a student, or daily means of a cohort */
    bool is_group;          /* true: of a cohort, with lower and upper; false: of a student */
    /* first and third quartile of a cohort's scores on each day of history */
    double lower[STUDENT_DAYS_MAX], upper[STUDENT_DAYS_MAX];
    struct prediction predictions[REPORT_AHEAD_MAX]; /* the first is for tomorrow */
    int days_ahead;                                  /* number of predictions */
};

/* Draws the report into a .png or .svg file, or as text for "-". False with a line on standard
 * error. */
bool report_draw(const struct subcommand *command, const char *path, const struct report *report);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Draws the chart of mastery-ctl report: scores over the four levels with the prediction and its
 * interval, and below them the components. */
#ifndef CTL_REPORT_PLOT_H
#define CTL_REPORT_PLOT_H

#include "app/ctl/subcommand.h"
#include "app/domain/prediction.h"
#include "app/service/history.h"

enum { REPORT_AHEAD_MAX = 30 };

struct report {
    const char *title;
    struct history history;                                  /* of a cohort: the mean of each day */
    bool is_group;                                           /* lower and upper are set */
    double lower[STUDENT_DAYS_MAX], upper[STUDENT_DAYS_MAX]; /* quartiles of each day of history */
    struct prediction predictions[REPORT_AHEAD_MAX];
    int days_ahead;
};

/* Draws the report into a .png or .svg file, or as text for "-". False with a line on standard
 * error. */
bool report_draw(const struct subcommand *command, const char *path, const struct report *r);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chart of mastery-ctl report. */
#ifndef CTL_REPORT_PLOT_H
#define CTL_REPORT_PLOT_H

#include "app/ctl/subcommand.h"
#include "app/domain/prediction.h"
#include "app/service/history.h"

enum { REPORT_AHEAD_MAX = 30 };

struct report {
    const char *title;
    struct history history;                                  /* of a group: the means of its days */
    bool is_group;                                           /* it has quartiles */
    double lower[STUDENT_DAYS_MAX], upper[STUDENT_DAYS_MAX]; /* quartiles, a day of the history */
    struct prediction predictions[REPORT_AHEAD_MAX];
    int days_ahead;
};

/* Draws it into a .png or .svg file. False with a line on stderr. */
bool report_draw(const struct subcommand *command, const char *path, const struct report *r);

#endif

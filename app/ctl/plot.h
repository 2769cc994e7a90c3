/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Charts of mastery-ctl report and backtest, drawn by the program gnuplot. It runs as a child
 * process and reads commands and data from a pipe. */
#ifndef CTL_PLOT_H
#define CTL_PLOT_H

#include <stdio.h>
#include <sys/types.h>

#include "app/ctl/subcommand.h"

struct plot {
    FILE *out; /* pipe to gnuplot, for its commands and data */
    pid_t pid; /* process of gnuplot */
};

/* Starts gnuplot. path is the file to draw, FILE.png or FILE.svg, `height` pixels high; "-" draws
 * the chart as text on standard output. False with a line on standard error. After true the caller
 * must call plot_end. */
bool plot_begin(const struct subcommand *command, const char *path, int height, struct plot *ret);
/* Ends gnuplot and waits for it. False with a line on standard error when it has failed. */
bool plot_end(const struct subcommand *command, struct plot *plot);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A chart drawn by gnuplot, which reads its commands and data from a pipe. */
#ifndef CTL_PLOT_H
#define CTL_PLOT_H

#include <stdio.h>
#include <sys/types.h>

#include "app/ctl/subcommand.h"

struct plot {
    FILE *out; /* gnuplot's commands and data are written here */
    pid_t pid;
};

/* Starts gnuplot. path: FILE.png or FILE.svg, height pixels high; "-": as text on standard output.
 * False with a line on standard error. plot_end is due after true. */
bool plot_begin(const struct subcommand *command, const char *path, int height, struct plot *ret);
/* Ends gnuplot and waits for it. False with a line on standard error when it has failed. */
bool plot_end(const struct subcommand *command, struct plot *plot);

#endif

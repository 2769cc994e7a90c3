/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A drawing by gnuplot, which is told what to draw on a pipe. */
#ifndef CTL_PLOT_H
#define CTL_PLOT_H

#include <stdio.h>
#include <sys/types.h>

#include "app/ctl/subcommand.h"

struct plot {
    FILE *out; /* gnuplot's commands and data are written here */
    pid_t pid;
};

/* path: FILE.png or FILE.svg, height pixels high; "-": as text on standard output. False with a
 * line on stderr. */
bool plot_begin(const struct subcommand *command, const char *path, int height, struct plot *ret);
/* False with a line on stderr when gnuplot has not drawn it. */
bool plot_end(const struct subcommand *command, struct plot *plot);

#endif

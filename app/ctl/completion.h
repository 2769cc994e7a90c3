/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Output for other programs, made from the table of subcommands: completion for bash and zsh, and
 * the lists of options in the man page (mdoc). */
#ifndef CTL_COMPLETION_H
#define CTL_COMPLETION_H

#include <stdio.h>

#include "app/ctl/subcommand.h"

/* Print a script that a shell (bash or zsh) reads to complete the arguments of mastery-ctl. table:
 * the `count` subcommands. */
void completion_print_bash(FILE *out, const struct subcommand *const *table, size_t count);
void completion_print_zsh(FILE *out, const struct subcommand *const *table, size_t count);
/* Prints the lines of all subcommands for the section SYNOPSIS of the man page, in mdoc. */
void completion_print_synopsis(FILE *out, const struct subcommand *const *table, size_t count);
/* Prints the options and operands of one subcommand as a list for the man page, in mdoc. */
void completion_print_mdoc(FILE *out, const struct subcommand *command);

#endif

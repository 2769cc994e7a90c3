/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The section of mastery-ctl report that explains a student's score, in a few lines of text. */
#ifndef CTL_REPORT_EXPLAIN_H
#define CTL_REPORT_EXPLAIN_H

#include "app/domain/explain.h"
#include "app/service/engine.h"

/* Reads the student's state and events and explains the score as of now. False with a problem in p:
 * NOT_FOUND without data, SERVICE_UNAVAILABLE, INTERNAL_ERROR. */
bool report_explain(struct engine *engine, struct arena *arena, const char *student,
                    struct explanation *ret, struct problem *p);
/* Prints the section on standard output: a line for each component, how the score fades without
 * further events, what is missing to the next level, and the event that would raise the score most.
 */
void report_print_explanation(const struct explanation *explanation);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The right to write about the students of a list that the handler itself has parsed
 * (ACCESS_HANDLER). Routes with one student in the path or in the rules do not need it: their right
 * is checked before the handler runs (app/pipeline/authorize.h). */
#ifndef ROUTES_WRITE_ACCESS_H
#define ROUTES_WRITE_ACCESS_H

#include "app/pipeline/exchange.h"

/* The cohorts on which a teacher's right depends. */
struct write_access {
    /* reads the cohorts of the calling teacher, once; NULL: not queued */
    struct command *teacher_cohorts;
};

/* Decides whether the caller may write about the student, and sets x->problem if not. For a teacher
 * the cohorts in Redis decide: queues the reads of them, and returns the command that reads those
 * of the student, for write_access_check. Returns NULL for other callers. */
struct command *write_access_queue(struct exchange *x, struct write_access *access,
                                   struct str student);
/* Decides for a teacher, by the replies to the commands that write_access_queue has queued.
 * student_cohorts: the result of write_access_queue; NULL when it has already decided. Sets
 * x->problem if the teacher does not teach the student, or if Redis has failed. */
void write_access_check(struct exchange *x, const struct write_access *access,
                        const struct command *student_cohorts);

#endif

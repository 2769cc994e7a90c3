/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Measures how well a value that is known early, such as a predicted risk, ranks the learners who
 * failed a course (or left it) before those who passed. */
#ifndef DOMAIN_RANKING_H
#define DOMAIN_RANKING_H

#include <stddef.h>

#include "app/domain/bootstrap.h"

/* A learner whose value is compared with those of others. */
struct ranked {
    int group;    /* learners are compared with those of their own group only */
    double value; /* a higher one ranks first; no NaN */
    bool failed;  /* the learner failed the course or left it */
};

/* Area under the ROC curve (AUC): the share of pairs of a learner who failed and one who did not,
 * of the same group, in which the former has the higher value; equal values count half (Hanley and
 * McNeil, "The meaning and use of the area under a receiver operating characteristic curve", 1982).
 * 0.5 is chance. Sorts the learners. Without such a pair the AUC does not exist: ret->exists is
 * false. Returns false, with *ret untouched, when out of memory. */
bool ranking_auc(struct ranked *learners, size_t n, struct measured *ret);

#endif

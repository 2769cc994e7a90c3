/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A learner, to measure how well a value ranks those who failed before those who did not. */
#ifndef DOMAIN_RANKING_H
#define DOMAIN_RANKING_H

#include <stddef.h>

#include "app/domain/bootstrap.h"

struct ranked {
    int group;    /* learners are compared with those of their own group only */
    double value; /* a higher one ranks first; no NaN */
    bool failed;
};

/* Area under the ROC curve (AUC): the share of pairs of a learner who failed and one who did not,
 * of the same group, in which the former has the higher value; equal values count half (Hanley and
 * McNeil, "The meaning and use of the area under a receiver operating characteristic curve", 1982).
 * 0.5 is chance. Sorts the learners. Does not exist without such a pair. False, with *ret
 * untouched, when out of memory. */
bool ranking_auc(struct ranked *learners, size_t n, struct measured *ret);

#endif

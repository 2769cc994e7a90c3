/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How well four numbers of the engine at mid-course (need of attention, predicted score, change of
 * the score, days without activity) rank the learners who later fail or withdraw before the others
 * of their module. */
#ifndef CTL_BACKTEST_RANK_H
#define CTL_BACKTEST_RANK_H

#include "app/ctl/results_csv.h"
#include "app/domain/prediction.h"
#include "app/domain/ranking.h"

/* The numbers by which learners are ranked; the learner who needs attention most ranks first. */
enum rank_by { RANK_BY_ATTENTION, RANK_BY_PREDICTED, RANK_BY_CHANGE, RANK_BY_INACTIVE, RANKINGS };
extern const char *const rank_by_names[RANKINGS];

/* How well each ranking placed the learners who failed or withdrew before the others. */
struct rank_report {
    size_t learners, failed; /* learners: number of those with a result by mid-course; failed: of
                                these, number of those who failed or withdrew */
    struct measured auc[RANKINGS]; /* for each ranking, the probability that a learner who failed
                                      ranks before one who did not (ranking_auc) */
};

/* Ranks the learners at the close of the day half-way between the first and the last day of results
 * of their module, by the predictions of the model. False when out of memory. */
bool rank_results(const struct results *results, enum prediction_model model, struct arena *arena,
                  struct rank_report *ret);

#endif

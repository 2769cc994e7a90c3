/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Computes the area under the ROC curve (AUC) in one pass over the sorted learners, once for all of
 * them and once for each resample of the bootstrap. */
#include "app/domain/ranking.h"

#include <math.h>
#include <stdlib.h>

/* Compares two learners for qsort: by group, then by value. */
static int ranked_compare(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;

    if (left->group != right->group)
        return left->group < right->group ? -1 : 1;
    return (left->value > right->value) - (left->value < right->value);
}

/* Sums of the learners' weights, from which the AUC is computed. The learners are visited group by
 * group (they are compared only within their group), and in ascending order of their values. */
struct ranking_sums {
    double passed; /* weight of those in the group with lower values who did not fail */
    /* learners with the current value: those who did not fail; those who failed */
    double tied, tied_failed;
    double group_failed; /* weight of those visited so far in the group who failed their course */
    /* Numerator and denominator of the AUC: the pairs in which the one who failed has the higher
     * value, and all pairs. `pairs` has only those of complete groups. */
    double concordant, pairs;
};

/* Called after the last of the learners of a group who have the same value. Adds to the numerator
 * of the AUC: each of them who failed (sums->tied_failed) makes a pair with each learner of the
 * group who did not fail. A pair counts 1 if that learner has a lower value (sums->passed), and
 * half if that learner has the same value (sums->tied). */
static void ranking_close_tie(struct ranking_sums *sums)
{
    sums->concordant += sums->tied_failed * (sums->passed + sums->tied / 2);
    sums->passed += sums->tied;
    sums->group_failed += sums->tied_failed;
    sums->tied = sums->tied_failed = 0;
}

/* Ends a group. Adds to sums->pairs, the denominator of the AUC, all pairs of one learner of the
 * group who failed and one who did not, including pairs of equal values. */
static void ranking_close_group(struct ranking_sums *sums)
{
    ranking_close_tie(sums);
    sums->pairs += sums->group_failed * sums->passed;
    sums->passed = sums->group_failed = 0;
}

/* Returns the AUC when learner i counts weights[i] times; NaN without pairs. */
static double ranking_weighted_auc(const struct ranked *learners, size_t n, const double *weights)
{
    struct ranking_sums sums = {0};

    for (size_t i = 0; i < n; i++) {
        if (i > 0 && learners[i - 1].group != learners[i].group)
            ranking_close_group(&sums);
        else if (i > 0 && learners[i - 1].value < learners[i].value)
            ranking_close_tie(&sums);
        *(learners[i].failed ? &sums.tied_failed : &sums.tied) += weights[i];
    }
    ranking_close_group(&sums);
    return sums.pairs > 0 ? sums.concordant / sums.pairs : (double)NAN;
}

/* Computes the AUC with each learner counted once, then for each resample with random weights. The
 * array has one element more than needed, because malloc may return NULL for 0 bytes. */
bool ranking_auc(struct ranked *learners, size_t n, struct measured *ret)
{
    struct bootstrap *bootstrap = bootstrap_new();
    double *weights = malloc((n + 1) * sizeof(*weights)), resamples[BOOTSTRAP_RESAMPLES], value;
    bool good = bootstrap && weights;

    if (good) {
        qsort(learners, n, sizeof(*learners), ranked_compare);
        for (size_t i = 0; i < n; i++)
            weights[i] = 1;
        value = ranking_weighted_auc(learners, n, weights);
        for (int r = 0; r < BOOTSTRAP_RESAMPLES; r++) {
            for (size_t i = 0; i < n; i++)
                weights[i] = bootstrap_weight(bootstrap);
            resamples[r] = ranking_weighted_auc(learners, n, weights);
        }
        *ret = bootstrap_measure(value, resamples);
    }
    free(weights);
    bootstrap_free(bootstrap);
    return good;
}

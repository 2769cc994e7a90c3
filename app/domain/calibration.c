/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts how accurate predictions were. These functions only count: the worker reads the
 * predictions and the history from Redis. */
#include "app/domain/calibration.h"

#include <math.h>

/* Predictions about today are not counted, because the score of today can still change. */
void calibration_add(struct calibration *calibration, enum prediction_model model, int days_ahead,
                     const struct stored_prediction *prediction, const struct daily *days, size_t n,
                     int32_t today)
{
    bool week = days_ahead == CALIBRATION_WEEK_DAYS;
    struct calibration_count *count =
        &calibration->counts[model][week ? CALIBRATION_WEEK : CALIBRATION_OTHER];
    const struct daily *true_day = daily_last_until(days, n, prediction->day);

    if (prediction->day >= today || prediction->day < today - CALIBRATION_DAYS || !true_day)
        return;
    count->verified++;
    if (true_day->score >= prediction->lower && true_day->score <= prediction->upper)
        count->covered++;
    count->errors += fabs(prediction->score - true_day->score);
}

struct calibration_count calibration_of_model(const struct calibration *calibration,
                                              enum prediction_model model)
{
    struct calibration_count sum = {0};

    for (int h = 0; h < CALIBRATION_HORIZONS; h++) {
        sum.verified += calibration->counts[model][h].verified;
        sum.covered += calibration->counts[model][h].covered;
        sum.errors += calibration->counts[model][h].errors;
    }
    return sum;
}

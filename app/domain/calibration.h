/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts how accurate predictions were, over all students, by model and by how many days ahead they
 * were made. A correct interval of 90 % contains nine of ten true scores. */
#ifndef DOMAIN_CALIBRATION_H
#define DOMAIN_CALIBRATION_H

#include "app/domain/prediction.h"

/* Predictions are counted by how far ahead they were made: a week, which is the default, or any
 * other number of days. */
enum calibration_horizon { CALIBRATION_WEEK, CALIBRATION_OTHER, CALIBRATION_HORIZONS };
enum {
    CALIBRATION_WEEK_DAYS = 7,
    CALIBRATION_DAYS = 28 /* predictions are counted whose predicted day is one of the last 28 */
};

struct calibration_count {
    int64_t verified; /* predictions whose day has come, so that they can be compared */
    int64_t covered;  /* number of verified predictions with the true score inside the interval */
    double errors;    /* sum of |predicted - true score| */
};
struct calibration {
    struct calibration_count counts[PREDICTION_MODELS][CALIBRATION_HORIZONS];
};

/* Counts a prediction that was made days_ahead days before its day, if that day is among the last
 * CALIBRATION_DAYS days before today and has a true score: the score of the last of the n days up
 * to it. */
void calibration_add(struct calibration *calibration, enum prediction_model model, int days_ahead,
                     const struct stored_prediction *prediction, const struct daily *days, size_t n,
                     int32_t today);
/* Returns the counts of one model, for all horizons. */
struct calibration_count calibration_of_model(const struct calibration *calibration,
                                              enum prediction_model model);

#endif

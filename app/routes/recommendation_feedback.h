/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The route recommendations/feedback, for the table in routes/recommendations.c. */
#ifndef ROUTES_RECOMMENDATION_FEEDBACK_H
#define ROUTES_RECOMMENDATION_FEEDBACK_H

#include "app/pipeline/exchange.h"

/* Input of feedback. A value is meaningful only if its has_ member is true. */
struct feedback_input {
    struct str recommendation;
    bool completed;
    bool has_minutes, has_rating, has_improvement;
    double minutes;
    int64_t rating;
    double improvement;
};

/* The fields of the request's body, stored in struct feedback_input. */
extern const struct rule recommendation_feedback_rules[];
/* Handler of feedback: stores what a client reports about a recommendation, in place of an earlier
 * report. */
enum step recommend_feedback(struct exchange *x);

#endif

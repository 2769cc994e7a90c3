/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Computes the need for attention. The weights of its terms were chosen on public records of 600
 * learners: at mid-course they order those who failed before those who passed as well as any other
 * weights that were tried (docs/mastery-model.md, Attention). */
#include "app/domain/attention.h"

#include <math.h>

#include "app/base/number.h"
#include "app/domain/prediction.h"

/* Inactivity raises the need for attention by inactive_weight when it has lasted inactive_full_days
 * or longer, and by proportionally less before. (The need, by which students are sorted, is 1 minus
 * the predicted score, plus the fall of the score, plus this term.) */
static const double inactive_weight = 0.1, inactive_full_days = 14;

const char *const attention_codes[ATTENTION_REASONS + 2] = {[ATTENTION_LOW] = "low_prediction",
                                                            [ATTENTION_FALL] = "fall",
                                                            [ATTENTION_INACTIVE] = "inactive",
                                                            [ATTENTION_NO_DATA] = "no_activity"};
const char attention_no_activity[] = "no activity yet";

/* Returns how far the score fell; 0 when it rose, or when there is no earlier score. */
static double attention_fall(const struct attention_facts *facts)
{
    return facts->has_change ? fmax(0, -facts->change) : 0;
}

double attention_need(const struct attention_facts *facts)
{
    double inactive = fmin(1, facts->days_inactive / inactive_full_days);

    return number_round12(1 - facts->predicted_score + attention_fall(facts) +
                          inactive_weight * inactive);
}

/* A rule for one reason: which values make the reason apply, and its text around the value. */
struct attention_rule {
    /* true: the reason applies to values below the limit; false: to values from the limit on */
    bool below;
    /* limit in the unit of the value: a score, a fall of the score, or days */
    double limit;
    int decimals;               /* decimals with which the text shows the value */
    const char *before, *after; /* text before and after the value */
};

static const struct attention_rule attention_rules[ATTENTION_REASONS] = {
    [ATTENTION_LOW] = {true, PREDICTION_INTERVENTION_BELOW, 2, "a score of ",
                       " is predicted for next week, below 0.5"},
    [ATTENTION_FALL] = {false, 0.05, 2, "the score fell by ", " in 7 days"},
    [ATTENTION_INACTIVE] = {false, ATTENTION_DAYS, 0, "has not been active for ", " days"},
};

/* Returns the value to print in the text of a reason. When the reason is that the value is below
 * rule->limit, rounds it down, so that 0.4999 is not printed as "0.50, below 0.5". The other texts
 * do not name their limit, so printf may round the value. */
static double attention_shown(const struct attention_rule *rule, double value)
{
    double scale = pow(10, rule->decimals);

    return rule->below ? floor(number_round12(value * scale)) / scale : value;
}

size_t attention_reasons(const struct attention_facts *facts, struct arena *arena,
                         struct attention_found ret[ATTENTION_REASONS])
{
    const double values[ATTENTION_REASONS] = {[ATTENTION_LOW] = facts->predicted_score,
                                              [ATTENTION_FALL] = attention_fall(facts),
                                              [ATTENTION_INACTIVE] = facts->days_inactive};
    size_t n = 0;

    for (size_t i = 0; i < ATTENTION_REASONS; i++) {
        const struct attention_rule *rule = &attention_rules[i];

        if (rule->below ? values[i] < rule->limit : values[i] >= rule->limit)
            ret[n++] = (struct attention_found){
                .reason = (enum attention_reason)i,
                .value = values[i],
                .text = arena_printf(arena, "%s%.*f%s", rule->before, rule->decimals,
                                     attention_shown(rule, values[i]), rule->after)};
    }
    return n;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recommends what a student should do next, out of a catalogue of content.
 *
 * The service loads the catalogue from conf/recommendations.json; results of this module point into
 * it. Rules: docs/mastery-model.md, Recommendations. */
#ifndef DOMAIN_RECOMMENDATION_H
#define DOMAIN_RECOMMENDATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/base/str.h"
#include "app/domain/events.h"
#include "app/domain/mastery.h"

enum action {
    ACT_PRACTICE,
    ACT_REVIEW,
    ACT_REFACTOR,
    ACT_SCHEDULE,
    ACT_LEARN_NEW,
    ACT_ASSESS,
    ACTIONS
};
enum priority { PRIORITY_LOW, PRIORITY_MEDIUM, PRIORITY_HIGH, PRIORITIES };
/* Both end with NULL. */
extern const char *const action_names[ACTIONS + 1];
extern const char *const priority_names[PRIORITIES + 1];

/* A component below its threshold has a gap: 0.80, 0.75, 0.70, 0.70. */
extern const double gap_thresholds[COMPONENTS];
extern const double gap_high, gap_medium; /* 0.2, 0.1: smallest gaps of these priorities */

enum {
    CATALOGUE_MAX = 256,
    RECOMMENDATIONS_MAX = 20 /* in one response */
};

struct content {
    struct str id;
    enum component component;
    enum action action;
    enum difficulty difficulty;
    int minutes; /* > 0 */
    struct str description;
    struct str_list resources;
    const uint16_t *prerequisites; /* indexes of items, each smaller than that of this item */
    size_t prerequisite_count;
};

/* Why an item is recommended. */
enum reason {
    REASON_STARTER, /* there is no data about the student */
    REASON_UNKNOWN, /* the component has no evidence */
    REASON_GAP,     /* the component is below its threshold */
    REASON_NEW,     /* the component is at or above its threshold */
    REASONS
};
/* Ends with NULL. */
extern const char *const reason_names[REASONS + 1];

struct catalogue {
    const struct content *items;    /* easier ones first within a component and action */
    size_t item_count;              /* 1..CATALOGUE_MAX */
    const struct content *starters; /* for a student without data, in their order */
    size_t starter_count;
    /* Sentences with the placeholders {area}, {score} and {threshold}. */
    struct str reasons[REASONS];
    int version; /* of the file */
};

/* NULL when the rules above hold, else what is wrong. Prerequisites have smaller indexes, so they
 * cannot be circular. */
const char *catalogue_error(const struct catalogue *c);

/* A student's feedback on a recommendation. */
struct feedback {
    bool completed;
    bool has_rating, has_improvement, has_minutes;
    int rating;         /* 1..5 */
    double improvement; /* of the score, [-1,1] */
    double minutes;     /* that it took, >= 0 */
};

/* Usefulness in [0,1]: the mean of completed (1 or 0) and, as far as present, of (rating - 1) / 4
 * and of the improvement (1 better, 1/2 the same, 0 worse); rounded (docs/mastery-model.md,
 * equation 16). */
double feedback_usefulness(const struct feedback *f);

/* Sum of the feedback on recommendations of one action in one component. */
struct feedback_sum {
    double usefulness;
    int count;
};

/* The data about a student on which recommendations are based. */
struct learner {
    uint32_t known; /* set of the components with evidence, a bit each; 0: no data at all */
    double score;
    double components[COMPONENTS];
    bool own_weights; /* the last statement came with weights */
    double
        weights[COMPONENTS]; /* order of the gaps: those weights, else the default ones, unscaled */
    double evidence[COMPONENTS];                       /* decayed weight */
    struct feedback_sum feedback[ACTIONS][COMPONENTS]; /* 0 after learner_of_state */
};
void learner_add_feedback(struct learner *l, enum action action, enum component area,
                          double usefulness);
void learner_of_state(const struct mastery_state *s, int64_t at_ms, struct learner *ret);

struct recommendation_filter {
    size_t limit;      /* 1..RECOMMENDATIONS_MAX */
    bool has_priority; /* only recommendations of this priority */
    enum priority priority;
    uint32_t component_filter; /* only of this set of components, a bit each; 0: all */
};

struct recommendation {
    const struct content *content; /* action, area (component), difficulty, text, minutes */
    enum priority priority;
    enum reason reason;
    double score;      /* of the component; 0 without evidence */
    double gap;        /* threshold - component, rounded; 0 at or above the threshold */
    double confidence; /* (1 + W + U) / (2 + W + n), rounded: W evidence of the component; U sum of
                        * the usefulness of n feedbacks on this action in this component
                        * (docs/mastery-model.md, equation 15) */
};

/* Recommends items for the components with gaps, ordered by gap * weight: an item for each before a
 * second one for any; in the result the items of a component follow each other. When no component
 * that the filter accepts has a gap, recommends something new, with priority low. The difficulty of
 * an item is at most one step above or below the suitable one. A learner without data gets the
 * starters, also those that the filter excludes. ret has room for filter->limit; returns the number
 * of items. */
size_t recommend(const struct catalogue *c, const struct learner *l,
                 const struct recommendation_filter *filter, struct recommendation *ret);

/* The components with a gap, in the order of the recommendations; returns how many. */
size_t priority_areas(const struct learner *l, enum component ret[COMPONENTS]);

enum priority priority_of_gap(double gap);

/* Makes a recommendation of the item: priority, reason, gap and confidence for this learner. */
struct recommendation recommendation_of(const struct content *content, const struct learner *l);
/* The difficulty for a component of this value: by its level, easy for a novice, expert for a
 * master. */
enum difficulty suitable_difficulty(double value);

#endif

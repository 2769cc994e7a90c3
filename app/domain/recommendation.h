/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What to do next: recommendations out of a catalogue of content.
 *
 * The catalogue is given (the service loads it from conf/recommendations.json); this module picks
 * from it and points into it. Rules: docs/mastery-model.md, "Recommendations". */
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

/* Below these a component has a gap: 0.80, 0.75, 0.70, 0.70. */
extern const double gap_thresholds[COMPONENTS];
extern const double gap_high, gap_medium; /* 0.2, 0.1: the least gaps of these priorities */

enum {
    CATALOGUE_MAX = 256,
    RECOMMENDATIONS_MAX = 20 /* of one answer */
};

struct content {
    struct str id;
    enum component component;
    enum action action;
    enum difficulty difficulty;
    int minutes; /* > 0 */
    struct str description;
    struct str_list resources;
    const uint16_t *prerequisites; /* places of items that come before this one */
    size_t prerequisite_count;
};

/* Why something is recommended. */
enum reason {
    REASON_STARTER, /* nothing is known of the student */
    REASON_UNKNOWN, /* nothing is known of the component */
    REASON_GAP,     /* the component is below its threshold */
    REASON_NEW,     /* it is not */
    REASONS
};
/* Ends with NULL. */
extern const char *const reason_names[REASONS + 1];

struct catalogue {
    const struct content *items;    /* easier ones first within a component and action */
    size_t item_count;              /* 1..CATALOGUE_MAX */
    const struct content *starters; /* for a student without data, in their order */
    size_t starter_count;
    /* Sentences, with {area}, {score} and {threshold} to be filled in. */
    struct str reasons[REASONS];
    int version; /* of the file it came from */
};

/* NULL when the rules above hold, else what is wrong. Since prerequisites come earlier, there are
 * no circles. */
const char *catalogue_fault(const struct catalogue *c);

/* What a student says of a recommendation. */
struct feedback {
    bool completed;
    bool has_rating, has_improvement, has_minutes;
    int rating;         /* 1..5 */
    double improvement; /* of the score, [-1,1] */
    double minutes;     /* that it took, >= 0 */
};

/* How useful it was: the mean of what was said of completed (1 or 0), rating ((rating - 1)/4) and
 * improvement (1 better, 1/2 the same, 0 worse); rounded (docs/mastery-model.md, equation 16). */
double feedback_usefulness(const struct feedback *f);

/* Feedback on recommendations of one kind. */
struct feedback_sum {
    double usefulness;
    int count;
};

/* What is known of a student: a view of the state, and of what the student said. */
struct learner {
    uint32_t known; /* bit per component with evidence; 0: no data at all */
    double score;
    double components[COMPONENTS];
    bool own_weights;            /* weights are the student's own */
    double weights[COMPONENTS];  /* by which gaps are ordered: own weights while they are in force,
                                  * else the default ones, not scaled */
    double evidence[COMPONENTS]; /* decayed weight */
    struct feedback_sum feedback[ACTIONS][COMPONENTS]; /* none after learner_of_state */
};
void learner_add_feedback(struct learner *l, enum action action, enum component area,
                          double usefulness);
void learner_of_state(const struct mastery_state *s, int64_t at_ms, struct learner *ret);

struct recommendation_filter {
    size_t limit;      /* 1..RECOMMENDATIONS_MAX */
    bool has_priority; /* only recommendations of that priority */
    enum priority priority;
    uint32_t component_filter; /* only these components, a bit each; 0: all */
};

struct recommendation {
    const struct content *content; /* action, area (component), difficulty, text, minutes */
    enum priority priority;
    enum reason reason;
    double score;      /* of the component; 0 when it is not known */
    double gap;        /* threshold - component, rounded; 0 of what has no gap */
    double confidence; /* (1 + W + U) / (2 + W + n) for evidence W of the component and n feedbacks
                        * of usefulness U in all on that action in that component: 0.5 without any;
                        * rounded (docs/mastery-model.md, equation 15) */
};

/* Gaps first, ordered by gap * weight; one item of each gap before a second of any, the items of a
 * gap standing together; where nothing that was wished has a gap, something new, priority low. No
 * item is more than one step harder or easier than suits. A learner without data gets the starters,
 * whatever else was wished. ret has room for wish->limit; returns how many. */
size_t recommend(const struct catalogue *c, const struct learner *l,
                 const struct recommendation_filter *wish, struct recommendation *ret);

/* Components with a gap, ordered as the recommendations are; returns how many. */
size_t priority_areas(const struct learner *l, enum component ret[COMPONENTS]);

enum priority priority_of_gap(double gap);

/* An item as a recommendation for the learner. */
struct recommendation recommendation_of(const struct content *content, const struct learner *l);
/* The difficulty that suits a component's value: easy for a novice … expert for a master. */
enum difficulty suitable_difficulty(double value);

#endif

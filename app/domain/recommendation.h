/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recommends what a student should do next, from a catalogue of content.
 *
 * The service loads the catalogue from conf/recommendations.json. Results of this module point into
 * the catalogue, which must outlive them. Rules: docs/mastery-model.md, Recommendations. */
#ifndef DOMAIN_RECOMMENDATION_H
#define DOMAIN_RECOMMENDATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/base/str.h"
#include "app/domain/events.h"
#include "app/domain/mastery.h"
#include "app/domain/topic_order.h"

/* What an item of the catalogue lets the student do. */
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
/* Names of the actions in requests and responses, for example "learn_new"; ends with NULL. */
extern const char *const action_names[ACTIONS + 1];
/* Names of the priorities in requests and responses, for example "low"; ends with NULL. */
extern const char *const priority_names[PRIORITIES + 1];

/* The thresholds are 0.80, 0.75, 0.70, 0.70. A component below its threshold has a gap. */
extern const double gap_thresholds[COMPONENTS];
/* Smallest gaps (threshold - value of the component) of high and medium priority: 0.2, 0.1. */
extern const double gap_high, gap_medium;

enum {
    CATALOGUE_MAX = 256,     /* largest number of items in a catalogue */
    RECOMMENDATIONS_MAX = 20 /* largest number of recommendations in one response */
};

/* An item of the catalogue. */
struct content {
    struct str id;
    enum component component;
    enum action action;
    enum difficulty difficulty;
    int minutes; /* time that the item takes, > 0 */
    struct str description;
    struct str_list resources;
    const uint16_t *prerequisites; /* indexes of items in the catalogue, smaller than its own */
    size_t prerequisite_count;
};

/* Why an item is recommended. */
enum reason {
    REASON_STARTER, /* there is no data about the student, who gets an item to start with */
    REASON_UNKNOWN, /* the component has no evidence */
    REASON_GAP,     /* the component is below its threshold */
    REASON_NEW,     /* the component has no gap: something new is recommended in it */
    REASONS
};
/* Names of the reasons in stored recommendations; the array ends with NULL. */
extern const char *const reason_names[REASONS + 1];

struct catalogue {
    const struct content *items;    /* within a component and action, easier items come first */
    size_t item_count;              /* 1..CATALOGUE_MAX */
    const struct content *starters; /* items for students without data, in their order */
    size_t starter_count;           /* number of starters, > 0 */
    /* Sentences that explain a recommendation, by enum reason, with the placeholders {area},
     * {score} and {threshold}. */
    struct str reasons[REASONS];
    struct topic_graph topics; /* prerequisites among topics, sorted */
    int version;               /* version of the catalogue file */
};

/* Checks the rules of struct content and struct catalogue. Returns NULL when they hold, else a
 * sentence that says which one does not. Because prerequisites have smaller indexes, they cannot be
 * circular. */
const char *catalogue_error(const struct catalogue *catalogue);

/* A student's feedback on a recommendation. */
struct feedback {
    bool completed;
    bool has_rating, has_improvement, has_minutes; /* the members below are set */
    int rating;                                    /* 1..5 */
    double improvement; /* change of the score since the recommendation, in [-1,1] */
    double minutes;     /* time that the student took, >= 0 */
};

/* Returns the usefulness of the recommendation in [0,1], rounded: the mean of up to three parts
 * (docs/mastery-model.md, equation 16). The first part is `completed`, as 1 or 0. The others are
 * used if present: (rating - 1) / 4, and the improvement as 1 (better), 1/2 (the same) or 0
 * (worse). */
double feedback_usefulness(const struct feedback *feedback);

/* Sum of the feedback on recommendations of one action in one component. */
struct feedback_sum {
    /* sum of how useful each recommendation was for the student, in [0,1] (feedback_usefulness) */
    double usefulness;
    int count; /* number of feedbacks */
};

/* The data about a student on which recommendations are based. */
struct learner {
    uint32_t known; /* set of the components with evidence: bit i is component i */
    double score;
    double components[COMPONENTS];
    bool own_weights; /* the weights come from the last `calculate` of the student */
    /* Weights of the components in the score: those of that `calculate`, or the default ones; not
     * scaled to the components with evidence. */
    double weights[COMPONENTS];
    double evidence[COMPONENTS]; /* decayed weight of each component's evidence */
    /* The student's feedback: 0 after learner_of_state, filled by learner_add_feedback. */
    struct feedback_sum feedback[ACTIONS][COMPONENTS];
};
/* Adds one feedback on a recommendation of this action for the component `area`. usefulness: that
 * of the feedback, in [0,1]. */
void learner_add_feedback(struct learner *learner, enum action action, enum component area,
                          double usefulness);
/* Fills the learner from the student's state, without feedback. at_ms: the time to which evidence
 * decays. */
void learner_of_state(const struct mastery_state *state, int64_t at_ms, struct learner *ret);

struct recommendation_filter {
    size_t limit;      /* largest number of recommendations, 1 to RECOMMENDATIONS_MAX */
    bool has_priority; /* true: only recommendations of `priority`; false: of any */
    enum priority priority;
    uint32_t component_filter; /* set of accepted components: bit i is component i; 0: all */
};

struct recommendation {
    /* the item itself: its action, component, difficulty, text and minutes */
    const struct content *content;
    enum priority priority;
    enum reason reason;
    double score;      /* value of the item's component; 0 without evidence */
    double gap;        /* threshold - component value, rounded; 0 at or above the threshold */
    double confidence; /* (1 + W + U) / (2 + W + n), rounded. W is the weight of the component's
                          evidence, n the number of feedbacks on this action in this component, U
                          the sum of their usefulness (docs/mastery-model.md, equation 15) */
    struct str topic;  /* the topic of the component to work on; empty: none is known. Choosing an
                          item needs no topic: service/recommend.c sets it afterwards */
};

/* Recommends items for the components with gaps, ordered by gap * weight. Each of these components
 * gets one item before any gets a second one; in the result the items of a component follow each
 * other. When no component that the filter accepts has a gap, it recommends something new, with
 * priority low. The difficulty of an item is at most one step from the suitable one.
 *
 * A learner without data gets the starters, even those that the filter excludes. ret has room for
 * filter->limit recommendations. Returns the number of recommendations. */
size_t recommend(const struct catalogue *catalogue, const struct learner *learner,
                 const struct recommendation_filter *filter, struct recommendation *ret);

/* Puts the components with a gap into ret, in the order of the recommendations. Returns their
 * number. */
size_t priority_areas(const struct learner *learner, enum component ret[COMPONENTS]);

/* Returns the priority of a gap: high from gap_high on, medium from gap_medium on, else low. */
enum priority priority_of_gap(double gap);

/* Makes a recommendation of the item, with priority, reason, gap and confidence for this learner.
 */
struct recommendation recommendation_of(const struct content *content,
                                        const struct learner *learner);
/* Returns the difficulty that suits a component of this value in [0,1]. Each level has its
 * difficulty, from easy for a novice to expert for a master. */
enum difficulty suitable_difficulty(double value);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Computes mastery from evidence: the one model behind every score (docs/mastery-model.md).
 *
 * Mastery has four components: completion, quiz, quality and consistency. A student's state at the
 * end of a UTC day holds three things: for each of the first three components a mean of
 * observations whose weights decay exponentially (struct evidence), the days on which the student
 * was active, and the values that `calculate` stated last. `calculate` is the request by which a
 * client states all components itself. The current state is that of the latest day.
 *
 * All functions are pure: no clock, no I/O. The order in which observations arrive does not change
 * the result, except for rounding. */
#ifndef DOMAIN_MASTERY_H
#define DOMAIN_MASTERY_H

#include <stdbool.h>
#include <stdint.h>

#include "app/base/str.h"

enum component { COMPLETION, QUIZ, QUALITY, CONSISTENCY, COMPONENTS };
/* Only the first three components have evidence; consistency is computed from active days. */
enum { EVIDENCE_COMPONENTS = CONSISTENCY };

extern const char *const component_names[COMPONENTS + 1]; /* ends with NULL */
extern const double default_weights[COMPONENTS];          /* 0.4, 0.3, 0.2, 0.1 */

/* The mastery levels of a student, from the lowest to the highest. */
enum level { NOVICE, DEVELOPING, PROFICIENT, MASTER, LEVELS };
/* The names of the levels; without a NULL at the end. */
extern const char *const level_names[LEVELS];
extern const double level_floors[LEVELS]; /* lowest score of each level: 0, 0.4, 0.6, 0.8 */

#define MASTERY_VERSION       "1.0.0"
#define EVIDENCE_HALF_LIFE_MS (INT64_C(14) * 86400000) /* 14 days */
#define WEIGHTS_SUM_TOLERANCE 0.001                    /* largest |sum of weights - 1| */
enum {
    ACTIVITY_WINDOW_DAYS = 14, /* consistency counts the active days among the last 14 */
    ACTIVITY_FULL_DAYS = 10,   /* active days among ACTIVITY_WINDOW_DAYS for a consistency of 1 */
    STATED_WEIGHT = 5,         /* a value that `calculate` stated weighs as much as 5 observations
                                * of weight 1 */
    HISTORY_DAYS = 90          /* number of daily states that are kept */
};

/* A weighted mean of observations, sum / weight. Each observation loses half of its weight every
 * EVIDENCE_HALF_LIFE_MS. */
struct evidence {
    double sum;    /* sum of weight * value of the observations, decayed */
    double weight; /* sum of the weights of the observations, decayed; 0: no evidence */
    int64_t at_ms; /* time up to which sum and weight have decayed; undefined while weight is 0 */
};

/* Adds an observation x in [0,1] of weight w > 0, made at at_ms. Observations may arrive in any
 * order: before they are added, the older one of evidence and observation decays to the time of the
 * newer one (docs/mastery-model.md, Evidence). */
void evidence_add(struct evidence *evidence, double x, double w, int64_t at_ms);
/* Returns the weight of the evidence, decayed to now_ms; undecayed when now_ms is before
 * evidence->at_ms. */
double evidence_weight_at(const struct evidence *evidence, int64_t now_ms);
/* Returns the evidence, decayed to now_ms; undecayed when now_ms is not after evidence->at_ms. */
struct evidence evidence_at(const struct evidence *evidence, int64_t now_ms);

/* A student's state at the end of one UTC day. day is INT32_MIN in a state without any data. */
struct mastery_state {
    int32_t day;          /* days since 1970-01-01 */
    uint32_t active_days; /* bit i: there was an event on day - i */
    struct evidence evidence[EVIDENCE_COMPONENTS];
    bool stated; /* `calculate` was the last change of the components; ends with the next event */
    bool own_weights; /* the last `calculate` stated weights too */
    /* The components that the client stated by its last request `calculate`, exactly as sent; they
     * stay when an event has set `stated` to false. Undefined while stated_at_ms is INT64_MIN. */
    double components[COMPONENTS];
    double weights[COMPONENTS]; /* stated or default weights; undefined unless stated */
    /* Time of the last request `calculate` up to the end of the state's day; INT64_MIN: none. */
    int64_t stated_at_ms;
    int64_t last_event_ms; /* time of the latest event; INT64_MIN: no event */
    int64_t updated_at_ms; /* time at which the state was written; the model does not use it */
    uint32_t samples;      /* number of events and of requests `calculate` of this day */
    uint32_t exercises;    /* number of exercise.completed events of this day */
    uint32_t quizzes;      /* number of quiz.completed events of this day */
    uint64_t revision;     /* grows with every write for the student, so no two states are equal */
};

/* Makes the state of a student without data: no event, and no statement (the components that a
 * client states by `calculate`). */
void mastery_state_init(struct mastery_state *state);
/* Returns whether the student's state holds neither an event nor components stated by `calculate`.
 */
bool mastery_state_empty(const struct mastery_state *state);
/* Moves the student's state to a later day: shifts the activity bits, sets the counters of the day
 * to 0. Does nothing when `day` is not later than the day of the state. */
void mastery_state_advance(struct mastery_state *state, int32_t day);

/* The longest time by which a time in a state can be ahead of the present, in milliseconds: events
 * may be dated an hour ahead, and the clock may have been corrected since. */
#define STATE_AHEAD_MAX_MS (INT64_C(2) * 3600000)
/* Replaces times that are more than STATE_AHEAD_MAX_MS after now_ms by now_ms. Such times come from
 * a clock that was wrong when the state was written. If stated_at_ms stayed ahead, every event
 * until then would count as older than the statement and not change the components. */
void mastery_state_limit_times(struct mastery_state *state, int64_t now_ms);

/* The mastery result that is computed from a student's state. "Rounded": to 12 decimals. */
struct mastery_result {
    double score; /* rounded to 12 decimals, at most 1 */
    enum level level;
    double components[COMPONENTS]; /* each in [0,1], rounded; 0 without evidence */
    double breakdown[COMPONENTS];  /* component * weight, rounded */
    double weights[COMPONENTS];    /* the weights with which the score was computed */
    double evidence[COMPONENTS];   /* weight of each component's evidence at at_ms, rounded */
    double weighted_sum;           /* the score before it is limited to 1, rounded */
};

/* Computes the mastery result of a student's state. at_ms: the time to which the weights in
 * ret->evidence decay; the score does not depend on it. ret->evidence of consistency is the number
 * of active days in the window, or STATED_WEIGHT if a client stated the value (route `calculate`).
 * A component without evidence has weight 0 in the score, and the weights of the others are scaled
 * to sum to 1. An empty state has score 0 and weights 0. */
void mastery_of_state(const struct mastery_state *state, int64_t at_ms, struct mastery_result *ret);
/* Returns the score alone, as mastery_of_state computes it. This needs no time and no exponential
 * function, because decay changes the weight of evidence and not its mean. */
double mastery_score_of_state(const struct mastery_state *state);

/* Returns the set of the components with evidence: bit (1 << component) for each. Consistency is in
 * it with an active day in the window, or while its value is the one stated by `calculate`. */
uint32_t mastery_known_components(const struct mastery_state *state);
/* Computes only the four components of the result of mastery_of_state: rounded to 12 decimals, or
 * exactly as the client sent them while they are those stated by `calculate`. */
void mastery_components_of_state(const struct mastery_state *state, double ret[COMPONENTS]);
/* Returns the weight of consistency in the score, as mastery_of_state computes it. */
double mastery_consistency_weight(const struct mastery_state *state);
/* The default weights, scaled to sum to 1 over the components in the set `known`; exactly the
 * default weights when it holds all four. */
void mastery_scale_weights(uint32_t known, double ret[COMPONENTS]);

/* Returns the sum of components[i] * weights[i], limited to 1, rounded to 12 decimals. */
double mastery_score(const double components[COMPONENTS], const double weights[COMPONENTS]);
/* Returns the level of the score rounded to 12 decimals. A score that equals a level's floor has
 * that level. */
enum level mastery_level(double score);
/* Returns whether each weight is finite and >= 0, and their sum is 1 within WEIGHTS_SUM_TOLERANCE.
 */
bool mastery_weights_valid(const double weights[COMPONENTS]);

/* Implements `calculate`: states all four components at now_ms; weights NULL means the default
 * ones. Advances the state to the day of now_ms and counts one sample, but does not make the day
 * active.
 *
 * Drops all evidence, also that of events later than now_ms (ingest accepts events up to one hour
 * in the future), so that the response shows the stated values. For such events alone the order of
 * arrival matters: one that arrives after the statement is added to it. When the state is already
 * that of a later day (an event of the next hour, beyond midnight), the statement is stored there
 * and no sample is counted. stated_at_ms never decreases, even when the clock is set back. */
void mastery_state_assert(struct mastery_state *state, const double components[COMPONENTS],
                          const double *weights, int64_t now_ms);

/* What one learning event contributes to mastery; made by domain/events. */
struct observation {
    enum component component; /* never CONSISTENCY */
    double x;                 /* the observed value, in [0,1] */
    double weight;            /* how much the observation counts, > 0 */
};

struct learning_event {
    int64_t at_ms; /* time of the event, in milliseconds since 1970-01-01 UTC */
    struct observation observations[EVIDENCE_COMPONENTS]; /* the first observation_count are set */
    int observation_count;
    bool is_exercise, is_quiz; /* the event is counted as one of these */
    /* Ids of the topics of an exercise or a quiz, each once, at most EVENT_TOPICS_MAX. Each topic
     * has evidence of its own (domain/topics.h): struct mastery_state knows no topics. */
    struct str_list topics;
};

/* Applies an event to the student's state of the event's day or of a later day; a state of an
 * earlier day is advanced to the event's day first. Marks the event's day as active, and counts the
 * event when `state` is the state of that day. An event older than the last statement (`calculate`)
 * has no other effect; one at or after it adds its observations, and from then on components and
 * weights are computed again instead of stated.
 *
 * updated_at_ms and revision are set by the caller that stores the state, not here. */
void mastery_state_apply(struct mastery_state *state, const struct learning_event *event);

#endif

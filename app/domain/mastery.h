/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Computes mastery from evidence: the one model behind every score (docs/mastery-model.md).
 *
 * A student's state at the end of a UTC day holds an exponentially decaying mean each for
 * completion, quiz and quality (struct evidence), the days on which the student was active, and the
 * values that `calculate` stated last. The current state is that of the latest day. Pure: no clock,
 * no I/O. The order in which observations arrive does not change the result, except for rounding.
 */
#ifndef DOMAIN_MASTERY_H
#define DOMAIN_MASTERY_H

#include <stdbool.h>
#include <stdint.h>

enum component { COMPLETION, QUIZ, QUALITY, CONSISTENCY, COMPONENTS };
enum {
    EVIDENCE_COMPONENTS = CONSISTENCY
}; /* the first three; consistency comes from active days */

extern const char *const component_names[COMPONENTS + 1]; /* ends with NULL */
extern const double default_weights[COMPONENTS];          /* 0.4, 0.3, 0.2, 0.1 */

enum level { NOVICE, DEVELOPING, PROFICIENT, MASTER, LEVELS };
extern const char *const level_names[LEVELS];
extern const double level_floors[LEVELS]; /* lowest score of each level: 0, 0.4, 0.6, 0.8 */

#define MASTERY_VERSION       "1.0.0"
#define EVIDENCE_HALF_LIFE_MS (INT64_C(14) * 86400000)
#define WEIGHTS_SUM_TOLERANCE 0.001
enum { ACTIVITY_WINDOW_DAYS = 14, ACTIVITY_FULL_DAYS = 10, STATED_WEIGHT = 5, HISTORY_DAYS = 90 };

/* A weighted mean (sum / weight) whose observations lose half of their weight every half-life. */
struct evidence {
    double sum;
    double weight;
    int64_t at_ms; /* time up to which sum and weight have decayed; undefined while weight is 0 */
};

/* Adds an observation x in [0,1] of weight w > 0, made at at_ms, in any order of arrival. The older
 * of the two, evidence or observation, decays to the time of the newer one first
 * (docs/mastery-model.md, Evidence). */
void evidence_add(struct evidence *e, double x, double w, int64_t at_ms);
/* The weight decayed to now_ms; undecayed when now_ms is before e->at_ms. */
double evidence_weight_at(const struct evidence *e, int64_t now_ms);

/* The state at the end of one UTC day. day is INT32_MIN in a state without any data. */
struct mastery_state {
    int32_t day;          /* days since 1970-01-01 */
    uint32_t active_days; /* bit i: there was an event on day - i */
    struct evidence evidence[EVIDENCE_COMPONENTS];
    bool stated;                   /* calculate was the last change of the components */
    bool own_weights;              /* the statement came with weights */
    double components[COMPONENTS]; /* as stated, to the last bit; defined while stated */
    double weights[COMPONENTS];    /* as stated, or the default weights; defined while stated */
    int64_t stated_at_ms;          /* last calculate at or before this day; INT64_MIN: never */
    int64_t last_event_ms;         /* latest event time; INT64_MIN: none */
    int64_t updated_at_ms;         /* wall clock of the write; the model does not use it */
    uint32_t samples;              /* events and statements of this day */
    uint32_t exercises;            /* exercise.completed events of this day */
    uint32_t quizzes;              /* quiz.completed events of this day */
    uint64_t revision; /* grows with every write for the student, so no two states are equal */
};

void mastery_state_init(struct mastery_state *s);
/* Whether the state holds neither an event nor a statement. */
bool mastery_state_empty(const struct mastery_state *s);
/* Moves the state to a later day: shifts the activity bits, sets the counters of the day to 0. Does
 * nothing when day is not later. */
void mastery_state_advance(struct mastery_state *s, int32_t day);

struct mastery_result {
    double score; /* rounded to 12 decimals, at most 1 */
    enum level level;
    double components[COMPONENTS]; /* each in [0,1], rounded; 0 without evidence */
    double breakdown[COMPONENTS];  /* component * weight, rounded */
    double weights[COMPONENTS];    /* with which the score was computed */
    double evidence[COMPONENTS];   /* weight of the evidence at at_ms, rounded; of consistency: the
                                    * number of active days in the window; STATED_WEIGHT for a
                                    * stated consistency */
    double weighted_sum;           /* the score before it is limited to 1, rounded */
};

/* at_ms: the time to which the weights of evidence decay. A component without evidence has weight 0
 * and the weights of the others are scaled to sum to 1. An empty state has score 0 and weights 0.
 */
void mastery_of_state(const struct mastery_state *s, int64_t at_ms, struct mastery_result *ret);
/* Only the score of mastery_of_state. Needs no time and no exponential, because decay changes the
 * weight of evidence and not its mean. */
double mastery_score_of_state(const struct mastery_state *s);

/* Set of the components with evidence, a bit for each (1 << component). */
uint32_t mastery_known_components(const struct mastery_state *s);
/* Only the components of mastery_of_state. */
void mastery_components_of_state(const struct mastery_state *s, double ret[COMPONENTS]);
/* The default weights, scaled to sum to 1 over the components in the set `known`; exactly the
 * default weights when it holds all four. */
void mastery_scale_weights(uint32_t known, double ret[COMPONENTS]);

/* The sum of components[i] * weights[i], limited to 1, rounded. */
double mastery_score(const double components[COMPONENTS], const double weights[COMPONENTS]);
enum level mastery_level(double score); /* of the rounded score; a floor belongs to its level */
/* Whether each weight is finite and >= 0, and their sum is 1 within WEIGHTS_SUM_TOLERANCE. */
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
void mastery_state_assert(struct mastery_state *s, const double components[COMPONENTS],
                          const double *weights, int64_t now_ms);

/* What one learning event contributes to mastery; made by domain/events. */
struct observation {
    enum component component; /* never CONSISTENCY */
    double x;                 /* [0,1] */
    double weight;            /* > 0 */
};

struct learning_event {
    int64_t at_ms;
    struct observation observations[EVIDENCE_COMPONENTS];
    int observation_count;
    bool is_exercise, is_quiz;
};

/* Applies an event to the state of the event's day or of a later day; a state of an earlier day is
 * advanced first. Marks the event's day as active, and counts the event when s is the state of that
 * day. An event older than the last statement has no other effect; one at or after it adds its
 * observations and ends the stated consistency and the weights of the statement.
 *
 * updated_at_ms and revision are set by the caller that stores the state, not here. */
void mastery_state_apply(struct mastery_state *s, const struct learning_event *event);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mastery from evidence: the one model behind every score (docs/mastery-model.md).
 *
 * A student's state at the close of a UTC day holds, for completion, quiz and quality, a mean that
 * forgets exponentially (struct evidence), the days the student was active, and what was last
 * stated by `calculate`. The current state is the closing state of the latest day. Pure: no clock,
 * no I/O; the order in which observations arrive does not change the result (to rounding). */
#ifndef DOMAIN_MASTERY_H
#define DOMAIN_MASTERY_H

#include <stdbool.h>
#include <stdint.h>

enum component { COMPLETION, QUIZ, QUALITY, CONSISTENCY, COMPONENTS };
enum { EVIDENCE_COMPONENTS = CONSISTENCY }; /* those with evidence: all but consistency */

extern const char *const component_names[COMPONENTS + 1]; /* ends with NULL */
extern const double default_weights[COMPONENTS];          /* 0.4, 0.3, 0.2, 0.1 */

enum level { NOVICE, DEVELOPING, PROFICIENT, MASTER, LEVELS };
extern const char *const level_names[LEVELS];
extern const double level_floors[LEVELS]; /* the lowest score of each: 0, 0.4, 0.6, 0.8 */

#define MASTERY_VERSION       "1.0.0"
#define EVIDENCE_HALF_LIFE_MS (INT64_C(14) * 86400000)
#define WEIGHTS_SUM_TOLERANCE 0.001
enum { ACTIVITY_WINDOW_DAYS = 14, ACTIVITY_FULL_DAYS = 10, STATED_WEIGHT = 5, HISTORY_DAYS = 90 };

/* A mean whose observations lose half of their weight every half-life. Value = sum / weight. */
struct evidence {
    double sum;
    double weight;
    int64_t at_ms; /* sum and weight are as of this time; meaningless while weight is 0 */
};

/* Adds observation x in [0,1] of weight w > 0 made at at_ms, in any order of arrival.
 * Exponential forgetting: for at >= e->at both sums fade by 2^(-(at - e->at)/H) first, for an
 * earlier one the observation is what fades (architecture section 5). */
void evidence_add(struct evidence *e, double x, double w, int64_t at_ms);
/* The weight as of now_ms; before e->at_ms it is the weight as it stands. */
double evidence_weight_at(const struct evidence *e, int64_t now_ms);

/* The closing state of one UTC day. day is INT32_MIN in a state that holds nothing yet. */
struct mastery_state {
    int32_t day;          /* UTC day this state closes */
    uint32_t active_days; /* bit i: an event on day - i; 32 days are remembered */
    struct evidence evidence[EVIDENCE_COMPONENTS];
    bool stated;                   /* the last thing that moved the state was calculate */
    bool own_weights;              /* ... with weights of its own */
    double components[COMPONENTS]; /* as stated, to the last bit; meaningful while stated */
    double weights[COMPONENTS];
    int64_t stated_at_ms;  /* last calculate at or before this day; INT64_MIN: never */
    int64_t last_event_ms; /* latest event time; INT64_MIN: none */
    int64_t updated_at_ms; /* when this state was written: wall clock, not the model's time */
    uint32_t samples;      /* events and statements of this very day */
    uint32_t exercises;    /* exercise.completed of this very day */
    uint32_t quizzes;      /* quiz.completed of this very day */
    uint64_t revision;     /* grows with every write for the student: no two states are equal */
};

void mastery_state_init(struct mastery_state *s);
/* Neither an event nor a statement has reached it. */
bool mastery_state_empty(const struct mastery_state *s);
/* Carries the state on to a later day (earlier or same: nothing happens): activity bits move,
 * the day's own counters restart at 0. */
void mastery_state_advance(struct mastery_state *s, int32_t day);

/* What the state says. */
struct mastery_result {
    double score; /* rounded to 12 decimals, at most 1 */
    enum level level;
    double components[COMPONENTS]; /* each in [0,1], rounded; 0 without evidence */
    double breakdown[COMPONENTS];  /* component * weight, rounded */
    double weights[COMPONENTS];    /* as used */
    double evidence[COMPONENTS];   /* what each component rests on, rounded: the weight as of
                                    * at_ms; consistency: the active days counted, or
                                    * STATED_WEIGHT while stated */
    double weighted_sum;           /* the score before the limit to 1, rounded */
};

/* at_ms: the time the evidence is faded to. A component without evidence has weight 0 and the
 * others are scaled to sum to 1; an empty state gives score 0 with all weights 0. */
void mastery_of_state(const struct mastery_state *s, int64_t at_ms, struct mastery_result *ret);
/* The score of mastery_of_state alone. Cheap, since fading moves weights and never a mean: no
 * exponential, one rounding. */
double mastery_score_of_state(const struct mastery_state *s);

/* Bit per component that has evidence. */
uint32_t mastery_known_components(const struct mastery_state *s);
/* The components of mastery_of_state alone. */
void mastery_components_of_state(const struct mastery_state *s, double ret[COMPONENTS]);
/* The default weights scaled to sum to 1 over the components of `known`, a bit per component; the
 * default weights to the bit when all four are. */
void mastery_scale_weights(uint32_t known, double ret[COMPONENTS]);

/* score = sum of components[i] * weights[i], limited to 1, rounded. */
double mastery_score(const double components[COMPONENTS], const double weights[COMPONENTS]);
enum level mastery_level(double score); /* after rounding: 0.4, 0.6, 0.8 fall upwards */
/* Each finite, >= 0 and the sum 1 within WEIGHTS_SUM_TOLERANCE. */
bool mastery_weights_valid(const double weights[COMPONENTS]);

/* `calculate`: states all four components at now_ms. weights NULL: the default ones. Advances the
 * state to the day of now_ms and counts one sample; does not make the day active.
 *
 * All evidence gathered so far is dropped, that of events later than now_ms too (ingest lets them
 * be up to one hour in the future): what was stated is what the answer says. The order of arrival
 * therefore matters for such events alone: one that arrives after the statement is added to it.
 * A state that already closes a later day (by an event of the future beyond midnight) takes the
 * statement and counts no sample. stated_at_ms never runs back, though clocks may. */
void mastery_state_assert(struct mastery_state *s, const double components[COMPONENTS],
                          const double *weights, int64_t now_ms);

/* What one learning event says about mastery, made by domain/events. */
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

/* Applies an event to the closing state of the event's own day or of a later one; a state of an
 * earlier day is advanced first. It makes its day active, and moves the day's own counters when s
 * closes that very day. An event older than the state's last statement does nothing else; one at
 * or after it adds its observations and ends the stated consistency and the own weights.
 *
 * updated_at_ms and revision belong to whoever writes the state: nothing here moves them. */
void mastery_state_apply(struct mastery_state *s, const struct learning_event *event);

#endif

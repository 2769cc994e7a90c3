/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Explains a mastery score: how much each component and each observation contributes, how the score
 * fades while nothing happens, what is missing to the next level, and what single events would
 * change (docs/mastery-model.md, Explain).
 *
 * An explanation is of one student at one time. The caller passes the student's state and all
 * events that the state was made of; only the EXPLAIN_OBSERVATIONS largest observations of each
 * component are kept. Order of calls: explanation_init; then, any number of times,
 * explanation_set_state followed by explanation_add_event for each event; explanation_finish. */
#ifndef DOMAIN_EXPLAIN_H
#define DOMAIN_EXPLAIN_H

#include "app/domain/events.h"
#include "app/domain/mastery.h"

enum {
    EXPLAIN_OBSERVATIONS = 10, /* most observations of a component that are kept */
    EXPLAIN_FADINGS = 3,       /* number of days ahead for which the score is computed */
    EXPLAIN_WHAT_IFS = 6,      /* number of events whose effect is computed */
    EXPLAIN_EVENT_ID_SIZE = 65 /* bytes of an event's id, with the NUL */
};

/* The days after which the score is computed as if nothing happened: 7, 14, 28. */
extern const int explain_fading_days[EXPLAIN_FADINGS];

/* The name of the statement (`calculate`) among the types of events: "calculated". */
extern const char explain_statement_name[];

/* An observation of a component: one of an event, or the value that the last statement set. */
struct explained_observation {
    char event_id[EXPLAIN_EVENT_ID_SIZE]; /* id of the event; empty: the statement */
    enum event_type type;                 /* type of the event; EVENT_TYPES: the statement */
    int64_t at_ms;
    double value;  /* value of the observation, in [0,1] */
    double weight; /* weight, decayed to the time of the explanation, or of newer evidence */
    double share;  /* share of the weight of all the component's evidence, in [0,1], rounded */
};

struct explained_component {
    double value;        /* rounded, as in struct mastery_result */
    double weight;       /* weight of the component in the score */
    double contribution; /* value * weight; the sum over the components is the score */
    double evidence;     /* weight of its evidence, as in struct mastery_result */
    struct explained_observation observations[EXPLAIN_OBSERVATIONS]; /* largest share first */
    int observation_count;
    double other_share; /* 1 - the sum of the shares, rounded; 1 without observations */
    double seen_weight; /* internal: sum of the weights of all observations passed, decayed */
};

/* What the score would be after one more event. */
struct explained_what_if {
    enum event_type type;
    const char *assumption; /* the event in words */
    double score;           /* the score after the event, rounded */
    double change;          /* score minus the present score, rounded */
};

struct explanation {
    int64_t now_ms;             /* time of the explanation */
    struct mastery_state state; /* the student's state, as passed last */
    double score;               /* the student's score, as mastery_score_of_state returns it */
    enum level level;
    struct explained_component components[COMPONENTS];
    double fading[EXPLAIN_FADINGS]; /* scores, rounded, by explain_fading_days */
    double missing; /* score that is missing to the next level, rounded; 0 at the highest level */
    struct explained_what_if what_if[EXPLAIN_WHAT_IFS];
};

/* Makes an explanation without a state and without observations. */
void explanation_init(struct explanation *e, int64_t now_ms);
/* Sets the student's state, which must not be older than the events that are added after it. When
 * it has another statement (the four components that a client sets by `calculate`) than the state
 * before it, the observations are dropped, as the statement has replaced them. */
void explanation_set_state(struct explanation *e, const struct mastery_state *state);
/* Adds the observations of an event. recorded_at_ms: when it was recorded; 0: unknown. Ignores an
 * event that the last statement has replaced: one of an earlier time, or recorded before. id: C
 * string shorter than EXPLAIN_EVENT_ID_SIZE. */
void explanation_add_event(struct explanation *e, const struct learning_event *event,
                           enum event_type type, const char *id, int64_t recorded_at_ms);
/* Completes an explanation whose state and observations are set: adds the statement, and computes
 * score, contributions, fading and what-if cases. */
void explanation_finish(struct explanation *e);

#endif

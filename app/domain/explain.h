/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Explains a mastery score: how much each component and each observation contributes, how the score
 * fades while nothing happens, what is missing to the next level, and what single events would
 * change (docs/mastery-model.md, Explain).
 *
 * An explanation is of one student at one time. The caller passes the student's state and all
 * events that are part of it; only the EXPLAIN_OBSERVATIONS largest observations of each component
 * are stored. Order of calls: explanation_init; then, any number of times, explanation_set_state
 * followed by explanation_add_event for each event; explanation_finish. */
#ifndef DOMAIN_EXPLAIN_H
#define DOMAIN_EXPLAIN_H

#include "app/domain/events.h"
#include "app/domain/mastery.h"

enum {
    /* most observations of each component that are stored: those with the largest weights */
    EXPLAIN_OBSERVATIONS = 10,
    EXPLAIN_FADINGS = 3,       /* elements of explain_fading_days */
    EXPLAIN_WHAT_IFS = 6,      /* number of events whose effect is computed */
    EXPLAIN_EVENT_ID_SIZE = 65 /* bytes of an event's id, with the NUL */
};

/* The days after which the score is computed as if nothing happened: 7, 14, 28. */
extern const int explain_fading_days[EXPLAIN_FADINGS];

/* A statement is the four components that a client has set by the request `calculate`. It is
 * explained like an event, and this is the name of its type: "calculated". */
extern const char explain_statement_name[];

/* An observation of a component: that of an event, or the value that the last statement (the
 * components that a client has set by `calculate`) has set. */
struct explained_observation {
    char event_id[EXPLAIN_EVENT_ID_SIZE]; /* id of the event; empty: a client's `calculate` */
    enum event_type type;                 /* type of the event; EVENT_TYPES: `calculate` */
    int64_t at_ms;
    double value; /* value of the observation, in [0,1] */
    /* Weight, decayed to the time of the explanation or, if an event of the component is dated
     * later, to the time of that event. */
    double weight;
    double share; /* share of the weight of all the component's evidence, in [0,1], rounded */
};

struct explained_component {
    double value;        /* value of the component, in [0,1], rounded; 0 without evidence */
    double weight;       /* weight of the component in the score */
    double contribution; /* value * weight; the sum over the components is the score */
    double evidence;     /* sum of the decayed weights of its observations; of consistency the
                          * number of active days, or STATED_WEIGHT if stated; rounded */
    struct explained_observation observations[EXPLAIN_OBSERVATIONS]; /* largest share first */
    int observation_count;
    /* 1 minus the shares in `observations`, rounded: the share of all other evidence; 1 without
     * observations */
    double other_share;
    /* private: sum of the weights of all observations that were added, including those not stored
     */
    double seen_weight;
};

/* Codes of the assumptions, in their order; ends with NULL. */
extern const char *const explain_what_if_codes[EXPLAIN_WHAT_IFS + 1];

/* What the score would be after one more event. */
struct explained_what_if {
    enum event_type type;
    const char *code;       /* names the assumption; one of explain_what_if_codes */
    const char *assumption; /* what is assumed to happen, e.g. "a lesson viewed to its end today" */
    double score;           /* the score after the event, rounded */
    double change;          /* score minus the present score, rounded */
};

struct explanation {
    int64_t now_ms;             /* time of the explanation */
    struct mastery_state state; /* state that explanation_set_state was last called with */
    double score;               /* the student's score, as mastery_score_of_state returns it */
    enum level level;
    struct explained_component components[COMPONENTS];
    /* The scores after explain_fading_days[i] days in which nothing happens, rounded. */
    double fading[EXPLAIN_FADINGS];
    double missing; /* score that is missing to the next level, rounded; 0 at the highest level */
    struct explained_what_if what_if[EXPLAIN_WHAT_IFS];
};

/* Initialises an explanation, with an empty state and no observations. */
void explanation_init(struct explanation *explanation, int64_t now_ms);
/* Sets the student's state, which must not be older than the events that are added after it. When
 * its statement (the four components that a client sets by `calculate`) is not that of the previous
 * state, the observations are dropped, because the new statement has replaced them. */
void explanation_set_state(struct explanation *explanation, const struct mastery_state *state);
/* Adds the observations of an event. recorded_at_ms: when it was recorded; 0: unknown. Ignores an
 * event that the last statement has replaced: one with an earlier time, or recorded before. id: a C
 * string shorter than EXPLAIN_EVENT_ID_SIZE. */
void explanation_add_event(struct explanation *explanation, const struct learning_event *event,
                           enum event_type type, const char *id, int64_t recorded_at_ms);
/* Completes an explanation whose state and observations are set: adds the client's last statement
 * of the components (`calculate`), if any, as an observation of each, and computes the score, what
 * each component contributes, the score after days without events, and after one more event. */
void explanation_finish(struct explanation *explanation);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Computes an explanation. Every number here is made by the functions that make the score itself
 * (domain/mastery, domain/events), applied to copies of the student's state. */
#include "app/domain/explain.h"

#include <math.h>
#include <string.h>

#include "app/base/clock.h"
#include "app/base/number.h"

const int explain_fading_days[EXPLAIN_FADINGS] = {7, 14, 28};
const char explain_statement_name[] = "calculated";

void explanation_init(struct explanation *explanation, int64_t now_ms)
{
    memset(explanation, 0, sizeof(*explanation));
    explanation->now_ms = now_ms;
    mastery_state_init(&explanation->state);
}

/* Removes all observations of all components, because a new statement (`calculate`) replaces them.
 */
static void explanation_clear_observations(struct explanation *explanation)
{
    for (int i = 0; i < COMPONENTS; i++) {
        explanation->components[i].observation_count = 0;
        explanation->components[i].seen_weight = 0;
    }
}

/* A statement (the four components that a client has set by `calculate`) replaces all observations
 * that were added before. So they are dropped when the time of the statement has changed, which
 * shows a new statement. They are also dropped while the components are the stated ones
 * (state->stated: no event came after the statement), because then no observation counts; this
 * covers a new statement with the same time as the previous one, which is possible when the clock
 * was set back. */
void explanation_set_state(struct explanation *explanation, const struct mastery_state *state)
{
    if (state->stated_at_ms != explanation->state.stated_at_ms || state->stated)
        explanation_clear_observations(explanation);
    explanation->state = *state;
}

/* Returns the weight, at the time of the explanation, of an observation that was made at at_ms with
 * weight w. By the same formula an observation of a later time (an event dated ahead) gets more
 * than w, so that the proportions of all weights are the same as in the evidence. */
static double explain_weight_now(const struct explanation *explanation, double w, int64_t at_ms)
{
    return w * exp2(((double)at_ms - (double)explanation->now_ms) / (double)EVIDENCE_HALF_LIFE_MS);
}

/* Returns whether observation a is listed before observation b: the larger weight first, then the
 * newer one, then by id, so that the order does not depend on the order of the calls. */
static bool explain_precedes(const struct explained_observation *a,
                             const struct explained_observation *b)
{
    if (a->weight < b->weight || a->weight > b->weight)
        return a->weight > b->weight;
    if (a->at_ms != b->at_ms)
        return a->at_ms > b->at_ms;
    return strcmp(a->event_id, b->event_id) < 0;
}

/* Inserts the observation into the sorted list of a component, unless EXPLAIN_OBSERVATIONS others
 * precede it. A full list loses its last element. seen_weight counts every observation, so that
 * shares refer to all evidence and not only to the list. */
static void explain_keep(struct explained_component *component,
                         const struct explained_observation *observation)
{
    int at = component->observation_count;

    component->seen_weight += observation->weight;
    while (at > 0 && explain_precedes(observation, &component->observations[at - 1]))
        at--;
    if (at == EXPLAIN_OBSERVATIONS)
        return;
    if (component->observation_count < EXPLAIN_OBSERVATIONS)
        component->observation_count++;
    memmove(&component->observations[at + 1], &component->observations[at],
            (size_t)(component->observation_count - 1 - at) * sizeof(*observation));
    component->observations[at] = *observation;
}

/* Ignores an event that the statement has replaced: while the components are those stated by
 * `calculate`, any event; later, an event of an earlier time. An event that was recorded before the
 * statement is not in the evidence, even if it is dated after it. */
void explanation_add_event(struct explanation *explanation, const struct learning_event *event,
                           enum event_type type, const char *id, int64_t recorded_at_ms)
{
    if (explanation->state.stated || event->at_ms < explanation->state.stated_at_ms ||
        (recorded_at_ms != 0 && recorded_at_ms < explanation->state.stated_at_ms))
        return;
    for (int i = 0; i < event->observation_count; i++) {
        const struct observation *observation = &event->observations[i];
        struct explained_observation kept = {
            .type = type,
            .at_ms = event->at_ms,
            .value = observation->x,
            .weight = explain_weight_now(explanation, observation->weight, event->at_ms)};

        strncpy(kept.event_id, id, sizeof(kept.event_id) - 1);
        explain_keep(&explanation->components[observation->component], &kept);
    }
}

/* Adds the last statement (the four components that a client has set by `calculate`) as an
 * observation of each component. It stays part of the evidence (the weighted sum of all
 * observations), with a weight that decays, even when later events have ended state->stated.
 * Consistency is counted from days and has no such sum: its stated value counts only while
 * state->stated. */
static void explain_add_statement(struct explanation *explanation)
{
    const struct mastery_state *state = &explanation->state;

    if (state->stated_at_ms == INT64_MIN)
        return;
    for (int i = 0; i < COMPONENTS; i++) {
        struct explained_observation statement = {
            /* the value after the last event type, because a statement is no event */
            .type = EVENT_TYPES,
            .at_ms = state->stated_at_ms,
            .value = state->components[i],
            .weight = i == CONSISTENCY
                          ? STATED_WEIGHT
                          : explain_weight_now(explanation, STATED_WEIGHT, state->stated_at_ms)};

        if (i != CONSISTENCY || state->stated)
            explain_keep(&explanation->components[i], &statement);
    }
}

/* Computes the share of each observation in the component's evidence, and rounds the weights.
 * evidence: that of the state; NULL for consistency. The evidence also contains events that are no
 * longer stored, so the listed shares may sum to less than 1. When an event is dated ahead, the
 * evidence is of a later time than now, and `decay` converts the observations' weights to that
 * time. The evidence may weigh less than all observations together (seen_weight), by rounding, or
 * because a statement has replaced an event dated ahead: the total is then that sum, so that no
 * share exceeds 1. */
static void explain_share(struct explained_component *component, const struct evidence *evidence,
                          int64_t now_ms)
{
    double ahead_ms = evidence ? fmax(0, (double)evidence->at_ms - (double)now_ms) : 0;
    double decay = exp2(-ahead_ms / (double)EVIDENCE_HALF_LIFE_MS), listed = 0;
    double total = evidence ? evidence_weight_at(evidence, now_ms) : STATED_WEIGHT;

    total = fmax(total, component->seen_weight * decay);
    for (int i = 0; i < component->observation_count; i++) {
        struct explained_observation *observation = &component->observations[i];

        observation->share = number_round12(observation->weight * decay / total);
        observation->weight = number_round12(observation->weight * decay);
        listed += observation->share;
    }
    component->other_share = fmax(0, number_round12(1 - listed));
}

/* ---- the score now, later, and after one more event ---- */

/* Computes the contributions, whose sum is the score. When the stated weights sum to more than 1
 * and the score was limited to 1, the contributions are scaled down to it. */
static void explain_score(struct explanation *explanation)
{
    struct mastery_result result;
    double scale;

    mastery_of_state(&explanation->state, explanation->now_ms, &result);
    scale = result.weighted_sum > result.score ? result.score / result.weighted_sum : 1;
    explanation->score = result.score;
    explanation->level = result.level;
    explanation->missing =
        result.level == MASTER ? 0 : number_round12(level_floors[result.level + 1] - result.score);
    for (int i = 0; i < COMPONENTS; i++) {
        struct explained_component *component = &explanation->components[i];

        component->value = result.components[i];
        component->weight = result.weights[i];
        component->contribution = number_round12(result.breakdown[i] * scale);
        component->evidence = result.evidence[i];
        explain_share(component, i == CONSISTENCY ? NULL : &explanation->state.evidence[i],
                      explanation->now_ms);
    }
}

/* Computes the score after some days without any event. Only consistency (the share of recent days
 * with activity) changes then: the evidence loses weight, but its mean stays. */
static void explain_fading(struct explanation *explanation)
{
    for (int i = 0; i < EXPLAIN_FADINGS; i++) {
        struct mastery_state later = explanation->state;

        mastery_state_limit_times(&later, explanation->now_ms);
        mastery_state_advance(&later, day_of_ms(explanation->now_ms) + explain_fading_days[i]);
        explanation->fading[i] = mastery_score_of_state(&later);
    }
}

/* The codes of the assumed events, in the order of the cases of explain_what_if. */
const char *const explain_what_if_codes[EXPLAIN_WHAT_IFS + 1] = {
    "quiz_all_right", "quiz_none_right", "hard_exercise",
    "whole_lesson",   "full_marks",      "activity_only"};

/* Computes the score after each of several assumed events, by applying the event to a copy of the
 * state. */
static void explain_what_if(struct explanation *explanation)
{
    const int64_t now = explanation->now_ms;
    const struct quiz_completed all_right = {
        .score = 1, .questions_total = 10, .questions_correct = 10};
    const struct quiz_completed none_right = {.questions_total = 10};
    const struct exercise_completed hard = {
        .difficulty = HARD, .completion_rate = 1, .correctness = 1};
    const struct lesson_viewed whole = {.completion_percentage = 100};
    const struct quality_assessed full = {
        .code_quality_score = 1, .correctness_score = 1, .efficiency_score = 1};
    const struct {
        enum event_type type;
        const char *assumption;
        struct learning_event event;
    } cases[EXPLAIN_WHAT_IFS] = {
        {QUIZ_COMPLETED, "a quiz of 10 questions today, all answers right",
         event_of_quiz(&all_right, now)},
        {QUIZ_COMPLETED, "a quiz of 10 questions today, no answer right",
         event_of_quiz(&none_right, now)},
        {EXERCISE_COMPLETED, "a hard exercise today, done completely and correctly without hints",
         event_of_exercise(&hard, now)},
        {LESSON_VIEWED, "a lesson viewed to its end today", event_of_lesson(&whole, now)},
        {QUALITY_ASSESSED, "a submission assessed today with full marks",
         event_of_quality(&full, now)},
        {CONTENT_RATED, "a day of activity only: content rated today", event_of_activity(now)},
    };

    for (int i = 0; i < EXPLAIN_WHAT_IFS; i++) {
        struct mastery_state after = explanation->state;

        mastery_state_limit_times(&after, now);
        mastery_state_apply(&after, &cases[i].event);
        explanation->what_if[i] =
            (struct explained_what_if){.type = cases[i].type,
                                       .code = explain_what_if_codes[i],
                                       .assumption = cases[i].assumption,
                                       .score = mastery_score_of_state(&after)};
        explanation->what_if[i].change =
            number_round12(explanation->what_if[i].score - explanation->score);
    }
}

void explanation_finish(struct explanation *explanation)
{
    explain_add_statement(explanation);
    explain_score(explanation);
    explain_fading(explanation);
    explain_what_if(explanation);
}

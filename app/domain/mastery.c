/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The model behind every score. A struct mastery_state holds what is known about a student at the
 * end of a day: evidence (sums of observations whose weights decay with time), stated components
 * (values that a client has set by `calculate`) and active days. A result is computed from the
 * state on every read and is not stored on its own.
 *
 * All arithmetic is in doubles. Only results are rounded to 12 decimals (number_round12), so that
 * rounding errors do not add up. docs/mastery-model.md has the formulas. */
#include "app/domain/mastery.h"

#include <math.h>
#include <string.h>

#include "app/base/clock.h"
#include "app/base/number.h"

const char *const component_names[COMPONENTS + 1] = {"completion", "quiz", "quality",
                                                     "consistency"};
const char *const level_names[LEVELS] = {"novice", "developing", "proficient", "master"};
const double default_weights[COMPONENTS] = {0.4, 0.3, 0.2, 0.1};

const double level_floors[LEVELS] = {0, 0.4, 0.6, 0.8};

enum { ACTIVE_DAYS_BITS = 32 }; /* number of bits in mastery_state.active_days, one per day */

/* Returns the factor by which a weight decays between two times: 2^(-(to_ms - from_ms) /
 * half-life). The difference is taken in doubles, which hold milliseconds exactly and cannot
 * overflow. */
static double evidence_decay(int64_t from_ms, int64_t to_ms)
{
    return exp2(-((double)to_ms - (double)from_ms) / (double)EVIDENCE_HALF_LIFE_MS);
}

/* First decays the older one of evidence and observation to the time of the newer one. Then adds
 * the weight and the weighted value. */
void evidence_add(struct evidence *evidence, double x, double w, int64_t at_ms)
{
    if (evidence->weight <= 0) /* no evidence yet: begin at the time of the observation */
        *evidence = (struct evidence){.at_ms = at_ms};
    if (at_ms >= evidence->at_ms) {
        double decay = evidence_decay(evidence->at_ms, at_ms);
        evidence->sum *= decay;
        evidence->weight *= decay;
        evidence->at_ms = at_ms;
    } else { /* the observation is older than the evidence, so its weight decays first */
        w *= evidence_decay(at_ms, evidence->at_ms);
    }
    evidence->sum += w * x;
    evidence->weight += w;
}

/* Evidence of a future time (evidence->at_ms after now_ms) is not decayed. */
struct evidence evidence_at(const struct evidence *evidence, int64_t now_ms)
{
    double decay;

    if (evidence->weight <= 0 || now_ms <= evidence->at_ms)
        return *evidence;
    decay = evidence_decay(evidence->at_ms, now_ms);
    return (struct evidence){
        .sum = evidence->sum * decay, .weight = evidence->weight * decay, .at_ms = now_ms};
}

double evidence_weight_at(const struct evidence *evidence, int64_t now_ms)
{
    return evidence_at(evidence, now_ms).weight;
}

void mastery_state_init(struct mastery_state *state)
{
    *state = (struct mastery_state){
        .day = INT32_MIN, .stated_at_ms = INT64_MIN, .last_event_ms = INT64_MIN};
}

bool mastery_state_empty(const struct mastery_state *state)
{
    return state->last_event_ms == INT64_MIN && state->stated_at_ms == INT64_MIN;
}

/* active_days has one bit for each day, bit 0 for the day of the state, so advancing by N days
 * shifts the bits by N. The three counters are of one day only, and restart at 0. */
void mastery_state_advance(struct mastery_state *state, int32_t day)
{
    if (day <= state->day)
        return;
    int64_t days = (int64_t)day - state->day;
    /* Shifting a 32-bit number by 32 or more is undefined in C. */
    state->active_days = days < ACTIVE_DAYS_BITS ? state->active_days << days : 0;
    state->day = day;
    state->samples = state->exercises = state->quizzes = 0;
}

/* A state of a day in the future becomes a state of today, and loses the activity bits of the days
 * after today. */
void mastery_state_limit_times(struct mastery_state *state, int64_t now_ms)
{
    const int64_t latest_ms = now_ms + STATE_AHEAD_MAX_MS;
    const int64_t days = (int64_t)state->day - day_of_ms(now_ms);

    if (state->day > day_of_ms(latest_ms)) {
        state->active_days = days < ACTIVE_DAYS_BITS ? state->active_days >> days : 0;
        state->day = day_of_ms(now_ms);
    }
    for (int i = 0; i < EVIDENCE_COMPONENTS; i++) {
        if (state->evidence[i].at_ms > latest_ms)
            state->evidence[i].at_ms = now_ms;
    }
    if (state->stated_at_ms > latest_ms)
        state->stated_at_ms = now_ms;
    if (state->last_event_ms > latest_ms)
        state->last_event_ms = now_ms;
}

/* Returns the number of active days among the last ACTIVITY_WINDOW_DAYS, 0 to 14. */
static int active_days_in_window(const struct mastery_state *state)
{
    const uint32_t window = (UINT32_C(1) << ACTIVITY_WINDOW_DAYS) - 1;
    return __builtin_popcount(state->active_days & window);
}

/* Returns the weight of the evidence behind a component, decayed to at_ms. Consistency has no
 * decaying evidence: its weight is the number of active days. While the components are those that a
 * client stated by `calculate` (state->stated), it has the weight of a stated value. */
static double evidence_of_component(const struct mastery_state *state, int component, int64_t at_ms)
{
    if (component != CONSISTENCY)
        return evidence_weight_at(&state->evidence[component], at_ms);
    return state->stated ? STATED_WEIGHT : active_days_in_window(state);
}

uint32_t mastery_known_components(const struct mastery_state *state)
{
    uint32_t known = 0;
    for (unsigned i = 0; i < EVIDENCE_COMPONENTS; i++)
        known |= (uint32_t)(state->evidence[i].weight > 0) << i;
    return known | (uint32_t)(state->stated || active_days_in_window(state) > 0) << CONSISTENCY;
}

/* Computes the four components before rounding: the values that the client stated by `calculate` if
 * no event came after them, else the means of the evidence. A component without evidence is 0. */
static void mastery_exact_components(const struct mastery_state *state, double ret[COMPONENTS])
{
    if (state->stated) {
        memcpy(ret, state->components, sizeof state->components);
        return;
    }
    for (int i = 0; i < EVIDENCE_COMPONENTS; i++) {
        const struct evidence *evidence = &state->evidence[i];
        ret[i] = evidence->weight > 0 ? number_clamp(evidence->sum / evidence->weight, 0, 1) : 0;
    }
    ret[CONSISTENCY] = fmin(1, active_days_in_window(state) / (double)ACTIVITY_FULL_DAYS);
}

/* Rounds a component to 12 decimals. While state->stated is true, the client has sent the
 * components itself (request `calculate`); then returns the component exactly as sent. */
static double mastery_round(const struct mastery_state *state, double component)
{
    return state->stated ? component : number_round12(component);
}

void mastery_components_of_state(const struct mastery_state *state, double ret[COMPONENTS])
{
    mastery_exact_components(state, ret);
    for (int i = 0; i < COMPONENTS; i++)
        ret[i] = mastery_round(state, ret[i]);
}

/* Computes the weights in tenths, which are whole numbers and exact in doubles: 3 / (3 + 1) is
 * exactly 0.75, which 0.3 / (0.3 + 0.1) is not. An empty set gives weights of 0, without a division
 * by 0. */
void mastery_scale_weights(uint32_t known, double ret[COMPONENTS])
{
    double tenths = 0;
    for (int i = 0; i < COMPONENTS; i++) {
        ret[i] = known & UINT32_C(1) << i ? default_weights[i] * 10 : 0;
        tenths += ret[i];
    }
    for (int i = 0; i < COMPONENTS && tenths > 0; i++)
        ret[i] /= tenths;
}

/* Sets ret to the weights with which the score is computed: those of the last statement
 * (`calculate`) if it had weights, else the default weights, scaled to the components with
 * evidence. */
static void mastery_weights(const struct mastery_state *state, double ret[COMPONENTS])
{
    if (state->stated && state->own_weights)
        memcpy(ret, state->weights, sizeof state->weights);
    else
        mastery_scale_weights(mastery_known_components(state), ret);
}

double mastery_consistency_weight(const struct mastery_state *state)
{
    double weights[COMPONENTS];
    mastery_weights(state, weights);
    return weights[CONSISTENCY];
}

/* Returns the sum of components[i] * weights[i], rounded to 12 decimals. It may exceed 1, because
 * the sum of the weights may, by WEIGHTS_SUM_TOLERANCE. */
static double mastery_weighted_sum(const double components[COMPONENTS],
                                   const double weights[COMPONENTS])
{
    double sum = 0;
    for (int i = 0; i < COMPONENTS; i++)
        sum += components[i] * weights[i];
    return number_round12(sum);
}

double mastery_score(const double components[COMPONENTS], const double weights[COMPONENTS])
{
    return fmin(1, mastery_weighted_sum(components, weights));
}

/* Rounds the score before the comparison, so that a score that is 0.6 but for a rounding error does
 * not fall below the floor 0.6. */
enum level mastery_level(double score)
{
    double rounded = number_round12(score);
    enum level level = MASTER;
    while (level > NOVICE && rounded < level_floors[level])
        level--;
    return level;
}

/* Refuses negative and infinite weights. Refuses a sum far from 1, which may be infinite, before
 * its difference from 1 is rounded. */
bool mastery_weights_valid(const double weights[COMPONENTS])
{
    double sum = 0;
    for (int i = 0; i < COMPONENTS; i++) {
        if (!isfinite(weights[i]) || weights[i] < 0)
            return false;
        sum += weights[i];
    }
    /* The difference is rounded, because 1 - 0.999 is a little more than 0.001 in binary. */
    return isfinite(sum) && sum < 2 && number_round12(fabs(sum - 1)) <= WEIGHTS_SUM_TOLERANCE;
}

/* Computes all numbers from the exact components, and rounds only the results. breakdown[i] is the
 * contribution of component i to the score. The weighted sum may exceed 1 by WEIGHTS_SUM_TOLERANCE,
 * because the sum of stated weights may; the score is limited to 1. */
void mastery_of_state(const struct mastery_state *state, int64_t at_ms, struct mastery_result *ret)
{
    double components[COMPONENTS];
    mastery_exact_components(state, components);
    mastery_weights(state, ret->weights);
    for (int i = 0; i < COMPONENTS; i++) {
        ret->components[i] = mastery_round(state, components[i]);
        ret->breakdown[i] = number_round12(components[i] * ret->weights[i]);
        ret->evidence[i] = number_round12(evidence_of_component(state, i, at_ms));
    }
    ret->weighted_sum = mastery_weighted_sum(components, ret->weights);
    ret->score = fmin(1, ret->weighted_sum);
    ret->level = mastery_level(ret->score);
}

double mastery_score_of_state(const struct mastery_state *state)
{
    double components[COMPONENTS], weights[COMPONENTS];
    mastery_exact_components(state, components);
    mastery_weights(state, weights);
    return mastery_score(components, weights);
}

/* Replaces all evidence by the components and weights that the client states. */
void mastery_state_assert(struct mastery_state *state, const double components[COMPONENTS],
                          const double *weights, int64_t now_ms)
{
    int32_t day = day_of_ms(now_ms);
    mastery_state_advance(state, day);
    /* samples counts changes of the state's day. When an event was dated ahead, the state may be of
     * tomorrow already: this statement is then not counted. */
    if (state->day == day)
        state->samples++;
    /* stated_at_ms never decreases, although the clock may be set back */
    if (now_ms > state->stated_at_ms)
        state->stated_at_ms = now_ms;
    /* Each stated value also becomes evidence of weight STATED_WEIGHT, so that later events move
     * the components away from the stated values gradually. */
    for (int i = 0; i < EVIDENCE_COMPONENTS; i++)
        state->evidence[i] = (struct evidence){.sum = STATED_WEIGHT * components[i],
                                               .weight = STATED_WEIGHT,
                                               .at_ms = state->stated_at_ms};
    state->stated = true;
    memcpy(state->components, components, sizeof state->components);
    state->own_weights = weights != NULL;
    memcpy(state->weights, weights ? weights : default_weights, sizeof state->weights);
}

/* Adds the event's observations to the evidence, and ends the effect of the last statement: from
 * now on components and weights are computed. */
static void mastery_add_observations(struct mastery_state *state,
                                     const struct learning_event *event)
{
    for (int i = 0; i < event->observation_count; i++) {
        const struct observation *observation = &event->observations[i];
        evidence_add(&state->evidence[observation->component], observation->x, observation->weight,
                     event->at_ms);
    }
    state->stated = state->own_weights = false;
}

/* Applies one learning event in this order: advance the state to the event's day, mark that day as
 * active, count the event if the state is that of the day, and add the observations unless a later
 * statement has replaced them. */
void mastery_state_apply(struct mastery_state *state, const struct learning_event *event)
{
    int32_t day = day_of_ms(event->at_ms);
    mastery_state_advance(state, day);
    int64_t days_ago = (int64_t)state->day - day; /* >= 0 after advancing */
    if (days_ago < ACTIVE_DAYS_BITS)
        state->active_days |= UINT32_C(1) << days_ago;
    if (days_ago == 0) { /* the counters count only events of the day of the state */
        state->samples++;
        state->exercises += event->is_exercise;
        state->quizzes += event->is_quiz;
    }
    if (event->at_ms > state->last_event_ms)
        state->last_event_ms = event->at_ms;
    /* the last `calculate` has replaced the observations of all events before it */
    if (event->at_ms >= state->stated_at_ms)
        mastery_add_observations(state, event);
}

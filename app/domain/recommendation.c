/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chooses items of the catalogue for a learner. The components with the largest gaps come first; a
 * gap is the distance of a component below its threshold. Within a component, the item that fits
 * best by action and difficulty comes first. Nothing is random: the same state and feedback of a
 * student always give the same recommendations.
 *
 * An area is a component to recommend items for, with the items that are already chosen for it. A
 * component has evidence when there is an observation of it. */
#include "app/domain/recommendation.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "app/base/number.h"

const char *const action_names[ACTIONS + 1] = {
    [ACT_PRACTICE] = "practice", [ACT_REVIEW] = "review",       [ACT_REFACTOR] = "refactor",
    [ACT_SCHEDULE] = "schedule", [ACT_LEARN_NEW] = "learn_new", [ACT_ASSESS] = "assess",
};
const char *const priority_names[PRIORITIES + 1] = {
    [PRIORITY_LOW] = "low", [PRIORITY_MEDIUM] = "medium", [PRIORITY_HIGH] = "high"};

const char *const reason_names[REASONS + 1] = {[REASON_STARTER] = "starter",
                                               [REASON_UNKNOWN] = "unknown",
                                               [REASON_GAP] = "gap",
                                               [REASON_NEW] = "new"};

const double gap_thresholds[COMPONENTS] = {
    [COMPLETION] = 0.80, [QUIZ] = 0.75, [QUALITY] = 0.70, [CONSISTENCY] = 0.70};
const double gap_high = 0.2, gap_medium = 0.1;

/* The recommended action against a gap of each component. It is ACT_ASSESS instead for a component
 * without evidence. */
static const enum action gap_actions[COMPONENTS] = {[COMPLETION] = ACT_PRACTICE,
                                                    [QUIZ] = ACT_REVIEW,
                                                    [QUALITY] = ACT_REFACTOR,
                                                    [CONSISTENCY] = ACT_SCHEDULE};

/* Checks the counts of items and starters, then each item: its minutes and that its prerequisites
 * come before it. */
const char *catalogue_error(const struct catalogue *catalogue)
{
    if (catalogue->item_count == 0 || catalogue->item_count > CATALOGUE_MAX)
        return "a catalogue has 1 to 256 items";
    if (catalogue->starter_count == 0)
        return "a catalogue has starters";
    for (size_t i = 0; i < catalogue->item_count; i++) {
        if (catalogue->items[i].minutes <= 0)
            return "an item takes at least a minute";
        for (size_t p = 0; p < catalogue->items[i].prerequisite_count; p++)
            if (catalogue->items[i].prerequisites[p] >= i)
                return "a prerequisite comes before what needs it";
    }
    return NULL;
}

/* Returns whether bit `component` is set in the set of components. */
static bool set_has(uint32_t set, int component)
{
    return set >> component & 1;
}

/* Copies components and evidence from the mastery result of the student's state. The weights are
 * those of the last `calculate` if it had weights, else the default weights. Unlike those of the
 * mastery result, they are not scaled to the components with evidence. */
void learner_of_state(const struct mastery_state *state, int64_t at_ms, struct learner *ret)
{
    struct mastery_result result;
    mastery_of_state(state, at_ms, &result);
    *ret = (struct learner){.known = mastery_known_components(state),
                            .score = result.score,
                            .own_weights = state->own_weights};
    memcpy(ret->components, result.components, sizeof ret->components);
    memcpy(ret->evidence, result.evidence, sizeof ret->evidence);
    memcpy(ret->weights, state->own_weights ? state->weights : default_weights,
           sizeof ret->weights);
}

/* `completed` is always part of the mean; rating and improvement only if the feedback has them. */
double feedback_usefulness(const struct feedback *feedback)
{
    double sum = feedback->completed ? 1 : 0;
    int part_count = 1;
    if (feedback->has_rating) {
        sum += (feedback->rating - 1) / 4.0;
        part_count++;
    }
    if (feedback->has_improvement) {
        sum += feedback->improvement > 0 ? 1 : feedback->improvement < 0 ? 0 : 0.5;
        part_count++;
    }
    return number_round12(sum / part_count);
}

void learner_add_feedback(struct learner *learner, enum action action, enum component area,
                          double usefulness)
{
    learner->feedback[action][area].usefulness += usefulness;
    learner->feedback[action][area].count++;
}

/* Returns how far the component is below its threshold; 0 when it reaches the threshold. */
static double gap_of(const struct learner *learner, int component)
{
    return fmax(0, number_round12(gap_thresholds[component] - learner->components[component]));
}

enum priority priority_of_gap(double gap)
{
    if (gap >= gap_high)
        return PRIORITY_HIGH;
    return gap >= gap_medium ? PRIORITY_MEDIUM : PRIORITY_LOW;
}

/* Returns whether component a comes before component b: the larger gap first; of equal gaps, the
 * larger weight first. */
static bool area_precedes(const struct learner *learner, enum component a, enum component b)
{
    double gap_a = gap_of(learner, (int)a), gap_b = gap_of(learner, (int)b);

    if (gap_a < gap_b || gap_a > gap_b)
        return gap_a > gap_b;
    return learner->weights[a] > learner->weights[b];
}

/* Components of equal gap and weight keep the order of enum component. */
size_t priority_areas(const struct learner *learner, enum component ret[COMPONENTS])
{
    size_t n = 0;

    for (enum component c = COMPLETION; c < COMPONENTS; c++) {
        size_t i = n;

        if (gap_of(learner, (int)c) <= 0)
            continue;
        /* Inserts c after the components that precede it: a stable insertion sort. */
        for (; i > 0 && area_precedes(learner, c, ret[i - 1]); i--)
            ret[i] = ret[i - 1];
        ret[i] = c;
        n++;
    }
    return n;
}

/* Returns why an item for component c is recommended. gap: how far the component is below its
 * threshold. Without a gap the student can learn something new in it: REASON_NEW. */
static enum reason reason_for(const struct learner *learner, enum component c, double gap)
{
    if (learner->known == 0)
        return REASON_STARTER;
    if (!set_has(learner->known, (int)c))
        return REASON_UNKNOWN;
    return gap > 0 ? REASON_GAP : REASON_NEW;
}

/* Returns the confidence in an item by Laplace's rule of succession, (1 + successes) / (2 +
 * trials). The weight of the component's evidence counts as that many successful trials. Each
 * feedback on the same action and component is a trial, with its usefulness in [0,1] as success. */
static double confidence_in(const struct content *content, const struct learner *learner)
{
    const struct feedback_sum *feedback = &learner->feedback[content->action][content->component];
    double weight = learner->evidence[content->component];
    return number_round12((1 + weight + feedback->usefulness) / (2 + weight + feedback->count));
}

/* Computes everything from the item's component: its gap decides priority and reason. */
struct recommendation recommendation_of(const struct content *content,
                                        const struct learner *learner)
{
    double gap = gap_of(learner, (int)content->component);
    return (struct recommendation){.content = content,
                                   .priority = priority_of_gap(gap),
                                   .reason = reason_for(learner, content->component, gap),
                                   .score = learner->components[content->component],
                                   .gap = gap,
                                   .confidence = confidence_in(content, learner)};
}

static_assert((int)LEVELS == (int)DIFFICULTIES, "each level has its difficulty");

/* Returns the difficulty that has the number of the value's level: the levels novice to master have
 * the same numbers as the difficulties easy to expert. */
enum difficulty suitable_difficulty(double value)
{
    return (enum difficulty)mastery_level(value);
}

/* Returns the penalty of an item; the item with the least penalty fits best. The penalty is 0 for
 * the right action and difficulty, +1 if the item is harder, +2 if it is easier, +3 for another
 * action. Returns -1, which excludes the item, when its difficulty is more than one step away. */
static int item_penalty(const struct content *item, enum action action, enum difficulty difficulty)
{
    int distance = (int)item->difficulty - (int)difficulty;
    if (distance < -1 || distance > 1)
        return -1;
    if (distance < 0)
        distance = 2; /* easier */
    return distance + (item->action == action ? 0 : 3);
}

/* A component to recommend items for, and the items chosen for it so far. */
struct area {
    enum component component;
    enum action action; /* preferred action of the items (what the student does with an item) */
    /* true: only items of `action`; false: all items except assessments, which are for components
     * without evidence */
    bool only_action;
    size_t count; /* number of chosen items */
    const struct content *items[RECOMMENDATIONS_MAX];
};

/* Returns whether the item may be added to the area (a component to recommend items for): its
 * component is that of the area, its action is not excluded, and it has not been chosen yet. Other
 * actions than the preferred one are allowed, except assessments, unless only_action is set. */
static bool area_accepts(const struct area *area, const struct content *item)
{
    bool other_action = item->action != area->action;
    if (item->component != area->component ||
        (other_action && (area->only_action || item->action == ACT_ASSESS)))
        return false;
    for (size_t i = 0; i < area->count; i++)
        if (area->items[i] == item)
            return false;
    return true;
}

/* Returns the item of the catalogue with the least penalty among those that the area (a component
 * to recommend items for) accepts; of equal ones, the first in the catalogue. NULL when the area
 * accepts none. */
static const struct content *area_find_next(const struct catalogue *catalogue,
                                            const struct learner *learner, const struct area *area)
{
    enum difficulty difficulty = suitable_difficulty(learner->components[area->component]);
    const struct content *best = NULL;
    int least_penalty = INT32_MAX;
    for (size_t i = 0; i < catalogue->item_count; i++) {
        int penalty = item_penalty(&catalogue->items[i], area->action, difficulty);
        if (penalty < 0 || penalty >= least_penalty || !area_accepts(area, &catalogue->items[i]))
            continue;
        best = &catalogue->items[i];
        least_penalty = penalty;
    }
    return best;
}

/* Returns whether the filter accepts recommendations for the component, which has this gap: the
 * component is in the filter's set of components (an empty set accepts all), and the priority of
 * the gap is that of the filter, if it has one. */
static bool filter_accepts(const struct recommendation_filter *filter, enum component component,
                           double gap)
{
    if (filter->component_filter != 0 && !set_has(filter->component_filter, (int)component))
        return false;
    return !filter->has_priority || filter->priority == priority_of_gap(gap);
}

/* Makes an area (a component to recommend items for) for each component that has a gap and that the
 * filter accepts, the largest gap first. Returns their number. A component without evidence is
 * assessed first, except consistency, for which there is no assessment. */
static size_t areas_with_gaps(const struct learner *learner,
                              const struct recommendation_filter *filter,
                              struct area areas[COMPONENTS])
{
    enum component ordered[COMPONENTS];
    size_t n = 0, gaps = priority_areas(learner, ordered);
    for (size_t i = 0; i < gaps; i++) {
        enum component c = ordered[i];
        bool needs_no_assessment = set_has(learner->known, (int)c) || c == CONSISTENCY;
        if (filter_accepts(filter, c, gap_of(learner, (int)c)))
            areas[n++] = (struct area){.component = c,
                                       .action = needs_no_assessment ? gap_actions[c] : ACT_ASSESS};
    }
    return n;
}

/* Makes an area (a component to recommend items for) for each component that has no gap and that
 * the filter accepts: something new to learn. Returns their number. */
static size_t areas_without_gaps(const struct learner *learner,
                                 const struct recommendation_filter *filter,
                                 struct area areas[COMPONENTS])
{
    size_t n = 0;
    for (enum component c = COMPLETION; c < COMPONENTS; c++)
        if (gap_of(learner, (int)c) <= 0 && filter_accepts(filter, c, /* gap */ 0))
            areas[n++] =
                (struct area){.component = c, .action = ACT_LEARN_NEW, .only_action = true};
    return n;
}

/* Adds one item to each area (a component to recommend items for), and repeats this until there are
 * `limit` items or a pass over all areas adds none, that is, in at most `limit` + 1 passes. before:
 * number of items before the pass. */
static void fill_areas(const struct catalogue *catalogue, const struct learner *learner,
                       struct area *areas, size_t area_count, size_t limit)
{
    size_t total = 0, before;
    do {
        before = total;
        for (size_t i = 0; i < area_count && total < limit; i++) {
            const struct content *item = area_find_next(catalogue, learner, &areas[i]);
            if (!item)
                continue;
            areas[i].items[areas[i].count++] = item;
            total++;
        }
    } while (total > before);
}

/* Recommends the first `limit` starters of the catalogue; returns their number. Starters are items
 * for students without data. */
static size_t recommend_starters(const struct catalogue *catalogue, const struct learner *learner,
                                 size_t limit, struct recommendation *ret)
{
    size_t n = limit < catalogue->starter_count ? limit : catalogue->starter_count;
    for (size_t i = 0; i < n; i++)
        ret[i] = recommendation_of(&catalogue->starters[i], learner);
    return n;
}

/* Returns starters (items for students without data) when nothing is known about the learner.
 * Otherwise makes an area for each component with a gap or, if the filter accepts none of these,
 * for each without a gap. Fills the areas alternately, then returns their items one area after the
 * other. */
size_t recommend(const struct catalogue *catalogue, const struct learner *learner,
                 const struct recommendation_filter *filter, struct recommendation *ret)
{
    struct area areas[COMPONENTS];
    size_t n = 0;
    if (learner->known == 0)
        return recommend_starters(catalogue, learner, filter->limit, ret);
    size_t area_count = areas_with_gaps(learner, filter, areas);
    if (area_count == 0)
        area_count = areas_without_gaps(learner, filter, areas);
    fill_areas(catalogue, learner, areas, area_count, filter->limit);
    for (size_t i = 0; i < area_count; i++)
        for (size_t j = 0; j < areas[i].count; j++)
            ret[n++] = recommendation_of(areas[i].items[j], learner);
    return n;
}

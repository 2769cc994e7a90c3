/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plans learning paths greedily: a simulated learner follows the path, and the next step is always
 * the item of the catalogue that, together with its missing prerequisites, raises the simulated
 * learner's expected score most per minute. This is not optimal, but explainable, and fast enough
 * for a request: at most PATH_STEPS_MAX passes over all items.
 *
 * A bundle is an item with its missing prerequisites; the item itself is its goal. Evidence of a
 * component is the sum of the weights of its observations. */
#include "app/domain/learning_path.h"

#include <math.h>

/* The share of the distance between the current value of a component and 1 that the observation of
 * an item is expected to cover: half of it. */
static const double expected_gain = 0.5;

/* The simulated learner after the steps that have been chosen so far. */
struct progress {
    const struct catalogue *catalogue;
    struct learner learner;   /* predicted values after the steps of the path */
    bool done[CATALOGUE_MAX]; /* done[i]: item i of the catalogue is a step of the path */
};

/* An item of the catalogue with its missing prerequisites: the next steps of the path. */
struct bundle {
    /* indexes of these items in the catalogue, ascending: prerequisites have smaller ones */
    uint16_t items[PATH_STEPS_MAX];
    size_t count; /* number of items; 0: the path has too few steps or too little time left */
    int minutes;  /* sum of the items' minutes */
    double gain;  /* increase of the expected score, >= 0 */
};

/* Returns whether the learner has evidence of the component (at least one observation). */
static bool learner_knows(const struct learner *learner, enum component c)
{
    return learner->known >> c & 1;
}

/* Returns the value of a component that the plan starts from. A component without evidence is
 * assumed to equal the learner's score, which is computed from the other components. */
static double assumed_value(const struct learner *learner, enum component c)
{
    return learner_knows(learner, c) ? learner->components[c] : learner->score;
}

/* Returns the score of the learner's components. The weights are those of the learner's last
 * statement if it had any, else the default weights, scaled to the components with evidence. */
static double score_of(const struct learner *learner)
{
    double scaled[COMPONENTS];
    if (learner->own_weights)
        return mastery_score(learner->components, learner->weights);
    mastery_scale_weights(learner->known, scaled);
    return mastery_score(learner->components, scaled);
}

/* Applies the expected effect of an item to the learner. The item adds an observation half-way
 * between the current value of its component and 1, with the weight of its difficulty. An item for
 * consistency adds one active day instead. The score never falls, not even by a rounding error. */
static void learner_simulate_item(struct learner *learner, const struct content *item)
{
    enum component c = item->component;
    double value = assumed_value(learner, c), weight = difficulty_weights[item->difficulty];
    if (c == CONSISTENCY) {
        learner->components[c] = fmin(1, value + 1 / (double)ACTIVITY_FULL_DAYS);
    } else {
        double share = learner_knows(learner, c) ? weight / (learner->evidence[c] + weight) : 1;
        learner->components[c] = value + share * expected_gain * (1 - value);
        learner->evidence[c] += weight;
    }
    learner->known |= UINT32_C(1) << c;
    learner->score = fmax(learner->score, score_of(learner));
}

/* Returns the difficulty that suits the simulated learner in the component, as a number: 0 (easy)
 * at the level novice to 3 (expert) at the level master. */
static int suitable_level(const struct progress *progress, enum component c)
{
    return (int)suitable_difficulty(assumed_value(&progress->learner, c));
}

/* Returns whether the learner still needs the item as a prerequisite: it is not in the path yet,
 * and its difficulty is not below the learner's level. */
static bool item_missing(const struct progress *progress, size_t item_index)
{
    const struct content *item = &progress->catalogue->items[item_index];
    return !progress->done[item_index] &&
           (int)item->difficulty >= suitable_level(progress, item->component);
}

/* Returns whether the item may be the goal of a bundle (the item that is added with its missing
 * prerequisites): its difficulty is at the learner's level (item_missing excludes lower ones) or
 * one above. An assessment may have any difficulty, but is eligible only while its component has no
 * evidence. */
static bool item_eligible(const struct progress *progress, size_t item_index)
{
    const struct content *item = &progress->catalogue->items[item_index];
    if (item->action == ACT_ASSESS)
        return !progress->done[item_index] && !learner_knows(&progress->learner, item->component);
    return item_missing(progress, item_index) &&
           (int)item->difficulty <= suitable_level(progress, item->component) + 1;
}

/* Sets needed[] for the item and for all its missing prerequisites, direct and indirect. */
static void mark_needed(const struct progress *progress, size_t item_index,
                        bool needed[CATALOGUE_MAX])
{
    needed[item_index] = true;
    /* Prerequisites have smaller indexes than the item that needs them, so one pass from item_index
     * down to 0 also reaches prerequisites of prerequisites. */
    for (size_t i = item_index + 1; i-- > 0;) {
        const struct content *item = &progress->catalogue->items[i];
        for (size_t j = 0; needed[i] && j < item->prerequisite_count; j++)
            if (item_missing(progress, item->prerequisites[j]))
                needed[item->prerequisites[j]] = true;
    }
}

/* Returns the bundle of an item (its missing prerequisites, then the item), with the increase of
 * the score that is expected of it. Prerequisites have smaller indexes than the items that need
 * them, so the loop adds each before those items, and ends with the item. Returns a bundle with
 * count 0 when it has more than max_steps items or takes more than max_minutes. */
static struct bundle bundle_of(const struct progress *progress, size_t item_index, size_t max_steps,
                               int max_minutes)
{
    bool needed[CATALOGUE_MAX] = {false};
    struct learner after = progress->learner;
    struct bundle bundle = {.count = 0};
    mark_needed(progress, item_index, needed);
    for (size_t i = 0; i <= item_index; i++) {
        if (!needed[i])
            continue;
        const struct content *item = &progress->catalogue->items[i];
        if (bundle.count == max_steps || item->minutes > max_minutes - bundle.minutes)
            return (struct bundle){.count = 0};
        bundle.items[bundle.count++] = (uint16_t)i;
        bundle.minutes += item->minutes;
        learner_simulate_item(&after, item);
    }
    bundle.gain = after.score - progress->learner.score;
    return bundle;
}

/* Returns the bundle (an item with its missing prerequisites) with the largest gain per minute; its
 * count is 0 when no bundle fits. Gains per minute are compared by cross products, which need no
 * rounded quotient and no divisor. Of equal bundles, the one whose goal is first in the catalogue
 * wins. */
static struct bundle best_bundle(const struct progress *progress, size_t max_steps, int max_minutes)
{
    struct bundle best = {.count = 0};
    for (size_t i = 0; i < progress->catalogue->item_count; i++) {
        if (!item_eligible(progress, i))
            continue;
        struct bundle bundle = bundle_of(progress, i, max_steps, max_minutes);
        if (bundle.count > 0 &&
            (best.count == 0 || bundle.gain * best.minutes > best.gain * bundle.minutes))
            best = bundle;
    }
    return best;
}

/* Appends the items of the bundle to the path and applies their effects to the simulated learner
 * progress->learner. The recommendations of the steps describe `learner`, the real one. */
static void path_append(struct learning_path *path, const struct bundle *bundle,
                        struct progress *progress, const struct learner *learner)
{
    for (size_t i = 0; i < bundle->count; i++) {
        const struct content *item = &progress->catalogue->items[bundle->items[i]];
        progress->done[bundle->items[i]] = true;
        learner_simulate_item(&progress->learner, item);
        path->steps[path->step_count++] = recommendation_of(item, learner);
    }
    path->minutes += bundle->minutes;
    path->expected_score = progress->learner.score;
}

/* Returns whether the path may end: it has enough steps and reaches the target level. */
static bool path_done(const struct learning_path *path)
{
    return path->step_count >= PATH_MIN_STEPS &&
           mastery_level(path->expected_score) >= path->target_level;
}

/* Returns the level that the path is to reach: the requested one, else the one above the current.
 */
static enum level target_of(const struct path_options *options, enum level current)
{
    if (options->has_target)
        return options->target;
    return current < MASTER ? current + 1 : MASTER;
}

/* Starts with the learner's present state, appends the best bundle (an item with its missing
 * prerequisites) until the target is reached, and stops early when no bundle fits into the steps
 * and minutes that are left. */
void learning_path_plan(const struct catalogue *catalogue, const struct learner *learner,
                        const struct path_options *options, struct learning_path *ret)
{
    struct progress progress = {.catalogue = catalogue, .learner = *learner};
    int max_minutes = options->max_minutes > 0 ? options->max_minutes : INT32_MAX;
    enum level current = mastery_level(learner->score);
    *ret = (struct learning_path){.expected_score = learner->score,
                                  .current_level = current,
                                  .target_level = target_of(options, current)};
    while (!path_done(ret)) { /* each pass adds a step or ends, so at most PATH_STEPS_MAX */
        struct bundle bundle =
            best_bundle(&progress, PATH_STEPS_MAX - ret->step_count, max_minutes - ret->minutes);
        if (bundle.count == 0)
            break;
        path_append(ret, &bundle, &progress, learner);
    }
    ret->days = (ret->minutes + STUDY_MINUTES_PER_DAY - 1) / STUDY_MINUTES_PER_DAY;
}

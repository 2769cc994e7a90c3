/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/learning_path.h"

#include <math.h>

/* How much of what is missing to 1 an item's result makes good, compared with the present value. */
static const double expected_gain = 0.5;

/* The learner as the path goes on. */
struct progress {
    const struct catalogue *catalogue;
    struct learner learner; /* score: the expected one */
    bool taken[CATALOGUE_MAX];
};

/* The places of an item and its missing prerequisites, in the order of the catalogue. */
struct bundle {
    uint16_t places[PATH_STEPS_MAX];
    size_t count; /* 0: cannot be taken */
    int minutes;
    double gain; /* of expected score */
};

static bool knows(const struct learner *l, enum component c)
{
    return l->known >> c & 1;
}

/* The value a component is held to have: without evidence the score of the rest. */
static double presumed(const struct learner *l, enum component c)
{
    return knows(l, c) ? l->components[c] : l->score;
}

static double score_of(const struct learner *l)
{
    double scaled[COMPONENTS];
    if (l->own_weights)
        return mastery_score(l->components, l->weights);
    mastery_scale_weights(l->known, scaled);
    return mastery_score(l->components, scaled);
}

/* What doing the item is expected to change: one more observation, half-way between what is and 1,
 * of the weight its difficulty has; of consistency, one more active day. */
static void do_item(struct learner *l, const struct content *item)
{
    enum component c = item->component;
    double value = presumed(l, c), weight = difficulty_weights[item->difficulty];
    if (c == CONSISTENCY) {
        l->components[c] = fmin(1, value + 1 / (double)ACTIVITY_FULL_DAYS);
    } else {
        double share = knows(l, c) ? weight / (l->evidence[c] + weight) : 1;
        l->components[c] = value + share * expected_gain * (1 - value);
        l->evidence[c] += weight;
    }
    l->known |= UINT32_C(1) << c;
    l->score = fmax(l->score, score_of(l));
}

static int level_in(const struct progress *p, enum component c)
{
    return (int)suitable_difficulty(presumed(&p->learner, c));
}

/* Not yet taken, nor easier than where the learner stands already. */
static bool missing(const struct progress *p, size_t place)
{
    const struct content *item = &p->catalogue->items[place];
    return !p->taken[place] && (int)item->difficulty >= level_in(p, item->component);
}

/* Whether an item may be what a step is about: at the learner's level or one above; an assessment
 * whatever its difficulty, but only of what nothing is known of. */
static bool eligible(const struct progress *p, size_t place)
{
    const struct content *item = &p->catalogue->items[place];
    if (item->action == ACT_ASSESS)
        return !p->taken[place] && !knows(&p->learner, item->component);
    return missing(p, place) && (int)item->difficulty <= level_in(p, item->component) + 1;
}

static void mark_needed(const struct progress *p, size_t place, bool needed[CATALOGUE_MAX])
{
    needed[place] = true;
    /* Prerequisites come earlier: one sweep downwards finds those of prerequisites too. */
    for (size_t i = place + 1; i-- > 0;) {
        const struct content *item = &p->catalogue->items[i];
        for (size_t j = 0; needed[i] && j < item->prerequisite_count; j++)
            if (missing(p, item->prerequisites[j]))
                needed[item->prerequisites[j]] = true;
    }
}

/* The bundle of an item if it has at most so many steps and minutes, else an empty one. */
static struct bundle bundle_of(const struct progress *p, size_t place, size_t max_steps,
                               int max_minutes)
{
    bool needed[CATALOGUE_MAX] = {false};
    struct learner after = p->learner;
    struct bundle b = {.count = 0};
    mark_needed(p, place, needed);
    for (size_t i = 0; i <= place; i++) {
        if (!needed[i])
            continue;
        const struct content *item = &p->catalogue->items[i];
        if (b.count == max_steps || item->minutes > max_minutes - b.minutes)
            return (struct bundle){.count = 0};
        b.places[b.count++] = (uint16_t)i;
        b.minutes += item->minutes;
        do_item(&after, item);
    }
    b.gain = after.score - p->learner.score;
    return b;
}

static struct bundle best_bundle(const struct progress *p, size_t max_steps, int max_minutes)
{
    struct bundle best = {.count = 0};
    for (size_t i = 0; i < p->catalogue->item_count; i++) {
        if (!eligible(p, i))
            continue;
        struct bundle b = bundle_of(p, i, max_steps, max_minutes);
        if (b.count > 0 && (best.count == 0 || b.gain * best.minutes > best.gain * b.minutes))
            best = b;
    }
    return best;
}

static void path_append(struct learning_path *path, const struct bundle *b, struct progress *p,
                        const struct learner *l)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct content *item = &p->catalogue->items[b->places[i]];
        p->taken[b->places[i]] = true;
        do_item(&p->learner, item);
        path->steps[path->step_count++] = recommendation_of(item, l);
    }
    path->minutes += b->minutes;
    path->expected_score = p->learner.score;
}

static bool path_done(const struct learning_path *path)
{
    return path->step_count >= PATH_MIN_STEPS &&
           mastery_level(path->expected_score) >= path->target_level;
}

static enum level target_of(const struct path_options *wish, enum level current)
{
    if (wish->has_target)
        return wish->target;
    return current < MASTER ? current + 1 : MASTER;
}

void learning_path_plan(const struct catalogue *c, const struct learner *l,
                        const struct path_options *wish, struct learning_path *ret)
{
    struct progress p = {.catalogue = c, .learner = *l};
    int max_minutes = wish->max_minutes > 0 ? wish->max_minutes : INT32_MAX;
    enum level current = mastery_level(l->score);
    *ret = (struct learning_path){.expected_score = l->score,
                                  .current_level = current,
                                  .target_level = target_of(wish, current)};
    while (!path_done(ret)) {
        struct bundle b =
            best_bundle(&p, PATH_STEPS_MAX - ret->step_count, max_minutes - ret->minutes);
        if (b.count == 0)
            break;
        path_append(ret, &b, &p, l);
    }
    ret->days = (ret->minutes + STUDY_MINUTES_PER_DAY - 1) / STUDY_MINUTES_PER_DAY;
}

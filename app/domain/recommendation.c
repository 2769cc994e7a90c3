/* SPDX-License-Identifier: GPL-3.0-or-later */
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

/* What helps against a gap. Without evidence the first thing is to find out where one stands. */
static const enum action gap_actions[COMPONENTS] = {[COMPLETION] = ACT_PRACTICE,
                                                    [QUIZ] = ACT_REVIEW,
                                                    [QUALITY] = ACT_REFACTOR,
                                                    [CONSISTENCY] = ACT_SCHEDULE};

const char *catalogue_fault(const struct catalogue *c)
{
    if (c->item_count == 0 || c->item_count > CATALOGUE_MAX)
        return "a catalogue has 1 to 256 items";
    if (c->starter_count == 0)
        return "a catalogue has starters";
    for (size_t i = 0; i < c->item_count; i++) {
        if (c->items[i].minutes <= 0)
            return "an item takes at least a minute";
        for (size_t p = 0; p < c->items[i].prerequisite_count; p++)
            if (c->items[i].prerequisites[p] >= i)
                return "a prerequisite comes before what needs it";
    }
    return NULL;
}

static bool has(uint32_t set, int component)
{
    return set >> component & 1;
}

void learner_of_state(const struct mastery_state *s, int64_t at_ms, struct learner *ret)
{
    struct mastery_result r;
    mastery_of_state(s, at_ms, &r);
    *ret = (struct learner){
        .known = mastery_known_components(s), .score = r.score, .own_weights = s->own_weights};
    memcpy(ret->components, r.components, sizeof ret->components);
    memcpy(ret->evidence, r.evidence, sizeof ret->evidence);
    memcpy(ret->weights, s->own_weights ? s->weights : default_weights, sizeof ret->weights);
}

double feedback_usefulness(const struct feedback *f)
{
    double sum = f->completed ? 1 : 0;
    int n = 1;
    if (f->has_rating) {
        sum += (f->rating - 1) / 4.0;
        n++;
    }
    if (f->has_improvement) {
        sum += f->improvement > 0 ? 1 : f->improvement < 0 ? 0 : 0.5;
        n++;
    }
    return number_round12(sum / n);
}

void learner_add_feedback(struct learner *l, enum action action, enum component area,
                          double usefulness)
{
    l->feedback[action][area].usefulness += usefulness;
    l->feedback[action][area].count++;
}

/* 0 when there is none. */
static double gap_of(const struct learner *l, int component)
{
    return fmax(0, number_round12(gap_thresholds[component] - l->components[component]));
}

enum priority priority_of_gap(double gap)
{
    if (gap >= gap_high)
        return PRIORITY_HIGH;
    return gap >= gap_medium ? PRIORITY_MEDIUM : PRIORITY_LOW;
}

size_t priority_areas(const struct learner *l, enum component ret[COMPONENTS])
{
    double urgencies[COMPONENTS] = {0};
    size_t n = 0;
    for (enum component c = COMPLETION; c < COMPONENTS; c++) {
        double gap = gap_of(l, (int)c), urgency = gap * l->weights[c];
        if (gap <= 0)
            continue;
        size_t place = n++;
        for (; place > 0 && urgencies[place - 1] < urgency; place--) {
            urgencies[place] = urgencies[place - 1];
            ret[place] = ret[place - 1];
        }
        urgencies[place] = urgency;
        ret[place] = c;
    }
    return n;
}

static enum reason reason_for(const struct learner *l, enum component c, double gap)
{
    if (l->known == 0)
        return REASON_STARTER;
    if (!has(l->known, (int)c))
        return REASON_UNKNOWN;
    return gap > 0 ? REASON_GAP : REASON_NEW;
}

/* Laplace's rule of succession: the evidence counts as so many successes, feedback as what it says.
 */
static double confidence_in(const struct content *content, const struct learner *l)
{
    const struct feedback_sum *heard = &l->feedback[content->action][content->component];
    double weight = l->evidence[content->component];
    return number_round12((1 + weight + heard->usefulness) / (2 + weight + heard->count));
}

struct recommendation recommendation_of(const struct content *content, const struct learner *l)
{
    double gap = gap_of(l, (int)content->component);
    return (struct recommendation){.content = content,
                                   .priority = priority_of_gap(gap),
                                   .reason = reason_for(l, content->component, gap),
                                   .score = l->components[content->component],
                                   .gap = gap,
                                   .confidence = confidence_in(content, l)};
}

static_assert((int)LEVELS == (int)DIFFICULTIES, "each level has its difficulty");

enum difficulty suitable_difficulty(double value)
{
    return (enum difficulty)mastery_level(value);
}

/* How ill an item suits: first its action, then the distance of its difficulty, a harder one rather
 * than an easier. Negative: not at all. */
static int misfit(const struct content *item, enum action action, enum difficulty difficulty)
{
    int distance = (int)item->difficulty - (int)difficulty;
    if (distance < -1 || distance > 1)
        return -1;
    return (item->action == action ? 0 : 3) + (distance < 0 ? 2 : distance);
}

/* An area to recommend for, and what has been found for it. */
struct area {
    enum component component;
    enum action action;
    bool only_action; /* others do not help; assessing what is known never does */
    size_t count;
    const struct content *found[RECOMMENDATIONS_MAX];
};

static bool area_takes(const struct area *a, const struct content *item)
{
    bool other = item->action != a->action;
    if (item->component != a->component ||
        (other && (a->only_action || item->action == ACT_ASSESS)))
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->found[i] == item)
            return false;
    return true;
}

/* The item that suits the area best and is not among the found ones; NULL when there is none. */
static const struct content *find_next(const struct catalogue *c, const struct learner *l,
                                       const struct area *a)
{
    enum difficulty difficulty = suitable_difficulty(l->components[a->component]);
    const struct content *best = NULL;
    int least = INT32_MAX;
    for (size_t i = 0; i < c->item_count; i++) {
        int ill = misfit(&c->items[i], a->action, difficulty);
        if (ill < 0 || ill >= least || !area_takes(a, &c->items[i]))
            continue;
        best = &c->items[i];
        least = ill;
    }
    return best;
}

static bool wished(const struct recommendation_filter *wish, enum component component, double gap)
{
    if (wish->component_filter != 0 && !has(wish->component_filter, (int)component))
        return false;
    return !wish->has_priority || wish->priority == priority_of_gap(gap);
}

static size_t areas_with_gaps(const struct learner *l, const struct recommendation_filter *wish,
                              struct area areas[COMPONENTS])
{
    enum component ordered[COMPONENTS];
    size_t n = 0, gaps = priority_areas(l, ordered);
    for (size_t i = 0; i < gaps; i++) {
        enum component c = ordered[i];
        bool assessed = has(l->known, (int)c) || c == CONSISTENCY;
        if (wished(wish, c, gap_of(l, (int)c)))
            areas[n++] =
                (struct area){.component = c, .action = assessed ? gap_actions[c] : ACT_ASSESS};
    }
    return n;
}

/* Those where nothing is amiss. */
static size_t areas_for_new(const struct learner *l, const struct recommendation_filter *wish,
                            struct area areas[COMPONENTS])
{
    size_t n = 0;
    for (enum component c = COMPLETION; c < COMPONENTS; c++)
        if (gap_of(l, (int)c) <= 0 && wished(wish, c, 0))
            areas[n++] =
                (struct area){.component = c, .action = ACT_LEARN_NEW, .only_action = true};
    return n;
}

/* One for each area in turn, until there are `limit` or none is left. */
static void fill_areas(const struct catalogue *c, const struct learner *l, struct area *areas,
                       size_t area_count, size_t limit)
{
    size_t total = 0, before;
    do {
        before = total;
        for (size_t i = 0; i < area_count && total < limit; i++) {
            const struct content *item = find_next(c, l, &areas[i]);
            if (!item)
                continue;
            areas[i].found[areas[i].count++] = item;
            total++;
        }
    } while (total > before);
}

static size_t recommend_starters(const struct catalogue *c, const struct learner *l, size_t limit,
                                 struct recommendation *ret)
{
    size_t n = limit < c->starter_count ? limit : c->starter_count;
    for (size_t i = 0; i < n; i++)
        ret[i] = recommendation_of(&c->starters[i], l);
    return n;
}

size_t recommend(const struct catalogue *c, const struct learner *l,
                 const struct recommendation_filter *wish, struct recommendation *ret)
{
    struct area areas[COMPONENTS];
    size_t n = 0;
    if (l->known == 0)
        return recommend_starters(c, l, wish->limit, ret);
    size_t area_count = areas_with_gaps(l, wish, areas);
    if (area_count == 0)
        area_count = areas_for_new(l, wish, areas);
    fill_areas(c, l, areas, area_count, wish->limit);
    for (size_t i = 0; i < area_count; i++)
        for (size_t j = 0; j < areas[i].count; j++)
            ret[n++] = recommendation_of(areas[i].found[j], l);
    return n;
}

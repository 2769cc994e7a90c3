/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ranks learners by what the engine would have shown a teacher at mid-course, and compares the
 * rankings with the final results. */
#include "app/ctl/backtest_rank.h"

#include "app/domain/attention.h"

const char *const rank_by_names[RANKINGS] = {[RANK_BY_ATTENTION] = "attention",
                                             [RANK_BY_PREDICTED] = "low_predicted_score",
                                             [RANK_BY_CHANGE] = "fall_in_a_week",
                                             [RANK_BY_INACTIVE] = "days_inactive"};

/* A module (course) of the results. */
struct rank_module {
    struct str name;
    int32_t first, last; /* first and last day on which a learner of the module has a result */
};

/* Extends the first and the last day of the learner's module so that they include the learner's
 * days. Adds the module to the *module_count modules if it is not there yet. Returns its index. */
static size_t rank_add_module(struct rank_module *modules, size_t *module_count,
                              const struct results_learner *learner)
{
    int32_t first = learner->days[0].day, last = learner->days[learner->n - 1].day;
    size_t i = 0;

    while (i < *module_count && !str_equal(modules[i].name, learner->module))
        i++;
    if (i == *module_count)
        modules[(*module_count)++] = (struct rank_module){learner->module, first, last};
    if (first < modules[i].first)
        modules[i].first = first;
    if (last > modules[i].last)
        modules[i].last = last;
    return i;
}

/* Computes the values by which a learner is ranked (enum rank_by) at the close of the day `today`,
 * from the n days known by then. Greater values rank first. The change of the score is the
 * difference to the latest day that is at least a week ago, known[earlier_count - 1]; a learner
 * without such a day has no change. */
static void rank_values(enum prediction_model model, const struct daily *known, size_t n,
                        int32_t today, double ret[RANKINGS])
{
    const struct daily *last = &known[n - 1];
    struct attention_facts facts = {.days_inactive = today - last->day};
    struct forecast forecast;
    struct prediction prediction;
    size_t earlier_count = n;

    while (earlier_count > 0 && known[earlier_count - 1].day > today - ATTENTION_DAYS)
        earlier_count--;
    facts.has_change = earlier_count > 0;
    facts.change = earlier_count > 0 ? last->score - known[earlier_count - 1].score : 0;
    forecast_fit(model, known, n, today, &forecast);
    forecast_at(&forecast, today + ATTENTION_DAYS, 0 /* no intervention */, &prediction);
    facts.predicted_score = prediction.score;
    ret[RANK_BY_ATTENTION] = attention_need(&facts);
    ret[RANK_BY_PREDICTED] = -prediction.score;
    ret[RANK_BY_CHANGE] = -facts.change;
    ret[RANK_BY_INACTIVE] = facts.days_inactive;
}

/* Adds a learner to each ranking, with the values at the close of the day `middle`, unless the
 * learner has no result by then. group: index of the learner's module, within which learners are
 * compared. */
static void rank_add(struct ranked *rankings[RANKINGS], const struct results_learner *learner,
                     int group, int32_t middle, enum prediction_model model,
                     struct rank_report *report)
{
    bool failed = learner->final_result == RESULT_FAIL || learner->final_result == RESULT_WITHDRAWN;
    double values[RANKINGS];
    size_t n = learner->n;

    while (n > 0 && learner->days[n - 1].day > middle)
        n--;
    if (n == 0)
        return;
    rank_values(model, learner->days, n, middle, values);
    for (int i = 0; i < RANKINGS; i++)
        rankings[i][report->learners] = (struct ranked){group, values[i], failed};
    report->learners++;
    if (failed)
        report->failed++;
}

bool rank_results(const struct results *results, enum prediction_model model, struct arena *arena,
                  struct rank_report *ret)
{
    struct rank_module *modules = arena_array(arena, results->n, sizeof(*modules));
    size_t *module_of = arena_array(arena, results->n, sizeof(*module_of)), module_count = 0;
    struct ranked *rankings[RANKINGS];
    bool has_memory = modules && module_of;

    *ret = (struct rank_report){0};
    for (int i = 0; i < RANKINGS; i++) {
        rankings[i] = arena_array(arena, results->n, sizeof(*rankings[i]));
        has_memory = has_memory && rankings[i];
    }
    for (size_t i = 0; has_memory && i < results->n; i++)
        module_of[i] = rank_add_module(modules, &module_count, &results->learners[i]);
    for (size_t i = 0; has_memory && i < results->n; i++) {
        const struct rank_module *module = &modules[module_of[i]];

        rank_add(rankings, &results->learners[i], (int)module_of[i],
                 module->first + (module->last - module->first) / 2, model, ret);
    }
    for (int i = 0; has_memory && i < RANKINGS; i++)
        has_memory = ranking_auc(rankings[i], ret->learners, &ret->auc[i]);
    return has_memory;
}

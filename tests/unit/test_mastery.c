/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/mastery.h"

#include <math.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "app/base/clock.h"

void mastery_tests(void);

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const double near = 1e-12;
static const int32_t some_day = 20000;

static int64_t at_day(double day)
{
    return day_start_ms(some_day) + (int64_t)(day * (double)DAY_MS);
}

static struct learning_event event_of(enum component component, double x, double weight, double day)
{
    return (struct learning_event){.at_ms = at_day(day),
                                   .observations = {{component, x, weight}},
                                   .observation_count = 1,
                                   .is_exercise = component == COMPLETION,
                                   .is_quiz = component == QUIZ};
}

static void apply(struct mastery_state *s, struct learning_event event)
{
    mastery_state_apply(s, &event);
}

static struct mastery_result result_of(const struct mastery_state *s, double day)
{
    struct mastery_result r;
    double components[COMPONENTS];
    mastery_of_state(s, at_day(day), &r);
    mastery_components_of_state(s, components);
    CU_ASSERT_EQUAL(r.score, mastery_score_of_state(s));
    CU_ASSERT_EQUAL(memcmp(components, r.components, sizeof components), 0);
    for (int c = 0; c < COMPONENTS; c++)
        CU_ASSERT_EQUAL(r.evidence[c] > 0, (mastery_known_components(s) >> c & 1) == 1);
    return r;
}

static uint32_t random_below(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525U + 1013904223U;
    return (uint32_t)(((uint64_t)*seed * n) >> 32);
}

static void shuffle(struct learning_event *v, uint32_t n, uint32_t *seed)
{
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = random_below(seed, i);
        struct learning_event kept = v[i - 1];
        v[i - 1] = v[j];
        v[j] = kept;
    }
}

static void assert_same_state(const struct mastery_state *a, const struct mastery_state *b)
{
    for (int i = 0; i < EVIDENCE_COMPONENTS; i++) {
        CU_ASSERT_DOUBLE_EQUAL(a->evidence[i].sum, b->evidence[i].sum, near);
        CU_ASSERT_DOUBLE_EQUAL(a->evidence[i].weight, b->evidence[i].weight, near);
        CU_ASSERT_EQUAL(a->evidence[i].at_ms, b->evidence[i].at_ms);
    }
    CU_ASSERT_EQUAL(a->day, b->day);
    CU_ASSERT_EQUAL(a->active_days, b->active_days);
    CU_ASSERT_EQUAL(a->stated, b->stated);
    CU_ASSERT_EQUAL(a->own_weights, b->own_weights);
    CU_ASSERT_EQUAL(a->stated_at_ms, b->stated_at_ms);
    CU_ASSERT_EQUAL(a->last_event_ms, b->last_event_ms);
    CU_ASSERT_EQUAL(a->samples, b->samples);
    CU_ASSERT_EQUAL(a->exercises, b->exercises);
    CU_ASSERT_EQUAL(a->quizzes, b->quizzes);
    CU_ASSERT_DOUBLE_EQUAL(mastery_score_of_state(a), mastery_score_of_state(b), 2 * near);
}

static void next_permutation(int order[4])
{
    int i = 2;
    while (i >= 0 && order[i] > order[i + 1])
        i--;
    if (i < 0)
        return;
    int j = 3;
    while (order[j] < order[i])
        j--;
    int kept = order[i];
    order[i] = order[j];
    order[j] = kept;
    for (int a = i + 1, b = 3; a < b; a++, b--) {
        kept = order[a];
        order[a] = order[b];
        order[b] = kept;
    }
}

static void evidence_is_the_same_in_all_orders(void)
{
    static const struct {
        double day, x, w;
    } observations[4] = {{0, .6, 1}, {3.5, .4, .8}, {7, .8, 1.2}, {14, 1, .5}};
    int order[4] = {0, 1, 2, 3};
    for (int n = 0; n < 24; n++, next_permutation(order)) {
        struct evidence e = {0, 0, 0};
        for (int i = 0; i < 4; i++)
            evidence_add(&e, observations[order[i]].x, observations[order[i]].w,
                         at_day(observations[order[i]].day));
        CU_ASSERT_EQUAL(e.at_ms, at_day(14));
        CU_ASSERT_DOUBLE_EQUAL(e.sum, 1.669095648339521, near);
        CU_ASSERT_DOUBLE_EQUAL(e.weight, 2.3242109834249454, near);
        CU_ASSERT_DOUBLE_EQUAL(e.sum / e.weight, 0.7181343089085441, near);
    }
    CU_ASSERT_EQUAL(order[0], 3); /* all 24 were there */
}

static void whole_half_lives_are_exact(void)
{
    struct evidence e = {0, 0, 0};
    evidence_add(&e, 0, 1, at_day(28));
    evidence_add(&e, 1, 1, at_day(0));
    evidence_add(&e, .5, 1, at_day(14));
    CU_ASSERT_EQUAL(e.sum, 0.5);
    CU_ASSERT_EQUAL(e.weight, 1.75);
    CU_ASSERT_EQUAL(evidence_weight_at(&e, at_day(42)), 0.875);
}

static void fading_moves_the_weight_and_never_the_value(void)
{
    static const struct {
        double day, weight;
    } rows[] = {{0, 2.609506827102238},
                {10, 2.609506827102238},
                {24, 1.304753413551119},
                {38, 0.6523767067755595}};
    struct evidence e = {0, 0, 0};
    CU_ASSERT_EQUAL(evidence_weight_at(&e, at_day(3)), 0);
    evidence_add(&e, .9, 1, at_day(0));
    evidence_add(&e, .7, 2, at_day(10));
    CU_ASSERT_DOUBLE_EQUAL(e.sum / e.weight, 0.7467143309051291, near);
    for (size_t i = 0; i < COUNT(rows); i++)
        CU_ASSERT_DOUBLE_EQUAL(evidence_weight_at(&e, at_day(rows[i].day)), rows[i].weight, near);
}

static void an_empty_state_says_nothing(void)
{
    struct mastery_state s;
    mastery_state_init(&s);
    CU_ASSERT_TRUE(mastery_state_empty(&s));
    struct mastery_result r = result_of(&s, 0);
    CU_ASSERT_EQUAL(r.score, 0);
    CU_ASSERT_EQUAL(r.level, NOVICE);
    for (int i = 0; i < COMPONENTS; i++) {
        CU_ASSERT_EQUAL(r.weights[i], 0);
        CU_ASSERT_EQUAL(r.evidence[i], 0);
    }
    mastery_state_advance(&s, some_day);
    CU_ASSERT_EQUAL(s.day, some_day);
    CU_ASSERT_TRUE(mastery_state_empty(&s));
}

static void a_statement_is_what_the_answer_says(void)
{
    static const struct {
        double components[COMPONENTS];
        double score;
        enum level level;
    } rows[] = {{{.8, .9, .85, .7}, .83, MASTER},   {{.9, .85, .75, .65}, .83, MASTER},
                {{.85, .9, .75, .8}, .84, MASTER},  {{.4, .4, .4, .4}, .4, DEVELOPING},
                {{.6, .6, .6, .6}, .6, PROFICIENT}, {{0, 0, 0, 0}, 0, NOVICE},
                {{1, 1, 1, 1}, 1, MASTER}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mastery_state s;
        mastery_state_init(&s);
        mastery_state_assert(&s, rows[i].components, NULL, at_day(.5));
        CU_ASSERT_FALSE(mastery_state_empty(&s));
        CU_ASSERT_EQUAL(s.samples, 1);
        CU_ASSERT_EQUAL(s.active_days, 0);
        struct mastery_result r = result_of(&s, .5);
        CU_ASSERT_EQUAL(r.score, rows[i].score);
        CU_ASSERT_EQUAL(r.weighted_sum, rows[i].score);
        CU_ASSERT_EQUAL(r.level, rows[i].level);
        CU_ASSERT_EQUAL(memcmp(r.weights, default_weights, sizeof r.weights), 0);
        for (int c = 0; c < COMPONENTS; c++) {
            CU_ASSERT_EQUAL(r.components[c], rows[i].components[c]);
            CU_ASSERT_EQUAL(r.evidence[c], STATED_WEIGHT);
            CU_ASSERT_DOUBLE_EQUAL(r.breakdown[c], r.components[c] * r.weights[c], near);
        }
    }
}

static void own_weights_are_used_as_sent_and_the_score_is_limited(void)
{
    static const double ones[COMPONENTS] = {1, 1, 1, 1};
    static const double weights[COMPONENTS] = {.401, .3, .2, .1};
    struct mastery_state s;
    mastery_state_init(&s);
    mastery_state_assert(&s, ones, weights, at_day(0));
    struct mastery_result r = result_of(&s, 0);
    CU_ASSERT_EQUAL(memcmp(r.weights, weights, sizeof weights), 0);
    CU_ASSERT_EQUAL(r.weighted_sum, 1.001);
    CU_ASSERT_EQUAL(r.score, 1);
    CU_ASSERT_EQUAL(mastery_score(ones, weights), 1);
    apply(&s, event_of(QUIZ, 1, 1, .1));
    CU_ASSERT_FALSE(s.own_weights);
    r = result_of(&s, .1);
    CU_ASSERT_EQUAL(memcmp(r.weights, default_weights, sizeof weights), 0);
}

static void an_event_after_a_statement_moves_it_and_ends_what_was_stated(void)
{
    static const double stated[COMPONENTS] = {.8, .8, .8, .9};
    struct mastery_state s;
    mastery_state_init(&s);
    mastery_state_assert(&s, stated, NULL, at_day(0));
    apply(&s, event_of(QUIZ, .5, 1, 14));
    CU_ASSERT_FALSE(s.stated);
    struct mastery_result r = result_of(&s, 14);
    CU_ASSERT_EQUAL(s.evidence[QUIZ].sum, 2.5);
    CU_ASSERT_EQUAL(s.evidence[QUIZ].weight, 3.5);
    CU_ASSERT_DOUBLE_EQUAL(r.components[QUIZ], 0.7142857142857143, near);
    CU_ASSERT_EQUAL(r.evidence[COMPLETION], 2.5); /* a half-life old */
    CU_ASSERT_EQUAL(r.components[CONSISTENCY], .1);
    CU_ASSERT_EQUAL(r.evidence[CONSISTENCY], 1);
}

static void an_event_older_than_the_statement_counts_as_activity_only(void)
{
    static const double stated[COMPONENTS] = {.8, .8, .8, .9};
    struct mastery_state s;
    mastery_state_init(&s);
    mastery_state_assert(&s, stated, NULL, at_day(.5));
    struct mastery_result before = result_of(&s, .5);
    apply(&s, event_of(QUIZ, 0, 2, .4));
    apply(&s, event_of(QUIZ, 0, 2, -3));
    apply(&s, event_of(QUIZ, 0, 2, -40));
    struct mastery_result after = result_of(&s, .5);
    CU_ASSERT_EQUAL(before.score, after.score);
    CU_ASSERT_EQUAL(memcmp(before.components, after.components, sizeof before.components), 0);
    CU_ASSERT_EQUAL(memcmp(before.evidence, after.evidence, sizeof before.evidence), 0);
    CU_ASSERT_EQUAL(s.active_days, 1U | 1U << 3);
    CU_ASSERT_EQUAL(s.samples, 2); /* the statement and the event of the day itself */
    CU_ASSERT_EQUAL(s.quizzes, 1);
    CU_ASSERT_EQUAL(s.last_event_ms, at_day(.4));
    apply(&s, event_of(QUIZ, 0, 2, .5)); /* at the very time: no longer older */
    CU_ASSERT_FALSE(s.stated);
    CU_ASSERT_EQUAL(result_of(&s, .5).components[CONSISTENCY], .2);
}

static void a_statement_drops_evidence_of_the_past_and_of_the_future(void)
{
    static const double stated[COMPONENTS] = {.5, .6, .7, .8};
    struct mastery_state s;
    mastery_state_init(&s);
    apply(&s, event_of(QUIZ, 0, 2, .97));
    apply(&s, event_of(QUIZ, 0, 2, 1.01)); /* beyond midnight */
    mastery_state_assert(&s, stated, NULL, at_day(.98));
    CU_ASSERT_EQUAL(s.day, some_day + 1);
    CU_ASSERT_EQUAL(s.samples, 1); /* the event's: the statement is of the day before */
    CU_ASSERT_EQUAL(s.active_days, 3);
    struct mastery_result r = result_of(&s, .98);
    for (int c = 0; c < COMPONENTS; c++)
        CU_ASSERT_EQUAL(r.components[c], stated[c]);
    mastery_state_assert(&s, stated, NULL, at_day(.5)); /* by a clock that is behind */
    CU_ASSERT_EQUAL(s.stated_at_ms, at_day(.98));
    CU_ASSERT_EQUAL(s.evidence[QUIZ].at_ms, at_day(.98));
}

static void weights_are_scaled_over_what_has_evidence(void)
{
    static const struct {
        bool has[EVIDENCE_COMPONENTS];
        double weights[COMPONENTS];
    } rows[] = {{{false, true, false}, {0, .75, 0, .25}},
                {{true, false, false}, {.8, 0, 0, .2}},
                {{true, true, false}, {.5, .375, 0, .125}},
                {{true, true, true}, {.4, .3, .2, .1}},
                {{false, false, false}, {0, 0, 0, 1}}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mastery_state s;
        mastery_state_init(&s);
        apply(&s, (struct learning_event){.at_ms = at_day(0)}); /* content.rated: no observation */
        for (enum component c = COMPLETION; c < CONSISTENCY; c++)
            if (rows[i].has[c])
                apply(&s, event_of(c, 1, 1, 0));
        struct mastery_result r = result_of(&s, 0);
        for (int c = 0; c < COMPONENTS; c++)
            CU_ASSERT_EQUAL(r.weights[c], rows[i].weights[c]);
        CU_ASSERT_DOUBLE_EQUAL(r.score, 1 - .9 * r.weights[CONSISTENCY], near);
    }
}

static void consistency_counts_the_last_fourteen_days(void)
{
    struct mastery_state s;
    mastery_state_init(&s);
    for (int day = 0; day < 14; day++) {
        apply(&s, event_of(QUIZ, 1, 1, day + .5));
        CU_ASSERT_EQUAL(result_of(&s, day + .5).components[CONSISTENCY], fmin(1, (day + 1) / 10.));
    }
    CU_ASSERT_EQUAL(result_of(&s, 13.5).evidence[CONSISTENCY], 14);
    mastery_state_advance(&s, some_day + 20);
    CU_ASSERT_EQUAL(result_of(&s, 20).evidence[CONSISTENCY], 7);
    mastery_state_advance(&s, some_day + 19); /* never back */
    CU_ASSERT_EQUAL(s.day, some_day + 20);
    mastery_state_advance(&s, some_day + 27);
    struct mastery_result r = result_of(&s, 27);
    CU_ASSERT_EQUAL(r.evidence[CONSISTENCY], 0);
    CU_ASSERT_EQUAL(r.weights[CONSISTENCY], 0);
    CU_ASSERT_EQUAL(r.score, 1);
    CU_ASSERT_NOT_EQUAL(s.active_days, 0);
    mastery_state_advance(&s, some_day + 27 + 32);
    CU_ASSERT_EQUAL(s.active_days, 0);
}

static void a_new_day_restarts_the_own_counters(void)
{
    struct mastery_state s;
    mastery_state_init(&s);
    apply(&s, event_of(QUIZ, 1, 1, .1));
    apply(&s, event_of(COMPLETION, 1, 1, .2));
    CU_ASSERT_EQUAL(s.samples, 2);
    CU_ASSERT_EQUAL(s.quizzes, 1);
    CU_ASSERT_EQUAL(s.exercises, 1);
    apply(&s, event_of(QUIZ, 1, 1, 1.1));
    CU_ASSERT_EQUAL(s.samples, 1);
    CU_ASSERT_EQUAL(s.exercises, 0);
    apply(&s, event_of(COMPLETION, 1, 1, .3)); /* late, of yesterday */
    CU_ASSERT_EQUAL(s.samples, 1);
    CU_ASSERT_EQUAL(s.exercises, 0);
}

static void levels_begin_at_their_limits_after_rounding(void)
{
    static const struct {
        double score;
        enum level level;
    } rows[] = {{0, NOVICE},
                {.399999999999, NOVICE},
                {.3999999999999999, DEVELOPING},
                {.4, DEVELOPING},
                {.599999999999, DEVELOPING},
                {.5999999999999996, PROFICIENT},
                {.6, PROFICIENT},
                {.799999999999, PROFICIENT},
                {.7999999999999999, MASTER},
                {.8, MASTER},
                {1, MASTER}};
    for (size_t i = 0; i < COUNT(rows); i++)
        CU_ASSERT_EQUAL(mastery_level(rows[i].score), rows[i].level);
    CU_ASSERT_STRING_EQUAL(level_names[mastery_level(.83)], "master");
    CU_ASSERT_STRING_EQUAL(component_names[CONSISTENCY], "consistency");
}

static void weights_are_valid_when_they_sum_to_one(void)
{
    static const struct {
        double weights[COMPONENTS];
        bool valid;
    } rows[] = {{{.4, .3, .2, .1}, true},
                {{.25, .25, .25, .25}, true},
                {{1, 0, 0, 0}, true},
                {{.401, .3, .2, .1}, true},
                {{.399, .3, .2, .1}, true},
                {{.40101, .3, .2, .1}, false},
                {{.39899, .3, .2, .1}, false},
                {{1.1, -.1, 0, 0}, false},
                {{(double)INFINITY, 0, 0, 0}, false},
                {{(double)NAN, 0, 0, 0}, false},
                {{1e308, 1e308, 0, 0}, false},
                {{0, 0, 0, 0}, false}};
    for (size_t i = 0; i < COUNT(rows); i++)
        CU_ASSERT_EQUAL(mastery_weights_valid(rows[i].weights), rows[i].valid);
}

enum { MANY = 40, CHAIN_DAYS = 6 };

static void make_events(struct learning_event v[MANY], uint32_t *seed)
{
    for (int i = 0; i < MANY; i++) {
        v[i] = event_of(random_below(seed, EVIDENCE_COMPONENTS), random_below(seed, 1001) / 1000.,
                        .5 + random_below(seed, 200) / 100.,
                        random_below(seed, CHAIN_DAYS * 1000) / 1000.);
        v[i].observation_count = random_below(seed, 8) > 0;
    }
}

/* The states of CHAIN_DAYS days, updated as the store updates them: an event is applied to its own
 * day and to all later ones. */
static void chain_init(struct mastery_state chain[CHAIN_DAYS])
{
    for (int d = 0; d < CHAIN_DAYS; d++) {
        mastery_state_init(&chain[d]);
        mastery_state_advance(&chain[d], some_day + d);
    }
}

static void chain_apply(struct mastery_state chain[CHAIN_DAYS], const struct learning_event *e)
{
    for (int d = day_of_ms(e->at_ms) - some_day; d < CHAIN_DAYS; d++)
        mastery_state_apply(&chain[d], e);
}

static void events_may_arrive_in_any_order(void)
{
    uint32_t seed = 1;
    for (int round = 0; round < 50; round++) {
        struct learning_event events[MANY];
        struct mastery_state chains[2][CHAIN_DAYS];
        make_events(events, &seed);
        for (int way = 0; way < 2; way++, shuffle(events, MANY, &seed)) {
            chain_init(chains[way]);
            for (int i = 0; i < MANY; i++)
                chain_apply(chains[way], &events[i]);
        }
        for (int d = 0; d < CHAIN_DAYS; d++)
            assert_same_state(&chains[0][d], &chains[1][d]);
    }
}

/* One statement at a fixed time and events around it: earlier ones may arrive before or after it,
 * later ones arrive after it, in any order. */
static void events_round_a_statement_may_arrive_in_any_order(void)
{
    static const double stated[COMPONENTS] = {.1, .2, .3, .4};
    static const double weights[COMPONENTS] = {.25, .25, .25, .25};
    uint32_t seed = 2;
    for (int round = 0; round < 50; round++) {
        int64_t stated_ms = at_day(random_below(&seed, CHAIN_DAYS * 100) / 100.);
        struct learning_event events[MANY];
        struct mastery_state chains[2][CHAIN_DAYS];
        make_events(events, &seed);
        for (int way = 0; way < 2; way++, shuffle(events, MANY, &seed)) {
            bool early[MANY];
            chain_init(chains[way]);
            for (int i = 0; i < MANY; i++) {
                early[i] = events[i].at_ms < stated_ms && random_below(&seed, 2) == 0;
                if (early[i])
                    chain_apply(chains[way], &events[i]);
            }
            for (int d = day_of_ms(stated_ms) - some_day; d < CHAIN_DAYS; d++)
                mastery_state_assert(&chains[way][d], stated, weights, stated_ms);
            for (int i = 0; i < MANY; i++)
                if (!early[i])
                    chain_apply(chains[way], &events[i]);
        }
        for (int d = 0; d < CHAIN_DAYS; d++)
            assert_same_state(&chains[0][d], &chains[1][d]);
    }
}

/* A late event gives the same states as if it had arrived in time, also when the states of later
 * days were made by advancing. */
static void a_late_event_gives_what_it_would_have_given_in_time(void)
{
    struct learning_event early = event_of(QUIZ, .3, 1.5, .5), late = event_of(QUIZ, .9, 1, 4.2);
    struct mastery_state in_time, afterwards;
    mastery_state_init(&in_time);
    mastery_state_init(&afterwards);
    apply(&in_time, early);
    apply(&in_time, late);
    apply(&afterwards, late);
    apply(&afterwards, early);
    assert_same_state(&in_time, &afterwards);
    CU_ASSERT_EQUAL(in_time.active_days, 1U | 1U << 4);
}

void mastery_tests(void)
{
    CU_pSuite suite = CU_add_suite("mastery", NULL, NULL);
    CU_ADD_TEST(suite, evidence_is_the_same_in_all_orders);
    CU_ADD_TEST(suite, whole_half_lives_are_exact);
    CU_ADD_TEST(suite, fading_moves_the_weight_and_never_the_value);
    CU_ADD_TEST(suite, an_empty_state_says_nothing);
    CU_ADD_TEST(suite, a_statement_is_what_the_answer_says);
    CU_ADD_TEST(suite, own_weights_are_used_as_sent_and_the_score_is_limited);
    CU_ADD_TEST(suite, an_event_after_a_statement_moves_it_and_ends_what_was_stated);
    CU_ADD_TEST(suite, an_event_older_than_the_statement_counts_as_activity_only);
    CU_ADD_TEST(suite, a_statement_drops_evidence_of_the_past_and_of_the_future);
    CU_ADD_TEST(suite, weights_are_scaled_over_what_has_evidence);
    CU_ADD_TEST(suite, consistency_counts_the_last_fourteen_days);
    CU_ADD_TEST(suite, a_new_day_restarts_the_own_counters);
    CU_ADD_TEST(suite, levels_begin_at_their_limits_after_rounding);
    CU_ADD_TEST(suite, weights_are_valid_when_they_sum_to_one);
    CU_ADD_TEST(suite, events_may_arrive_in_any_order);
    CU_ADD_TEST(suite, events_round_a_statement_may_arrive_in_any_order);
    CU_ADD_TEST(suite, a_late_event_gives_what_it_would_have_given_in_time);
}

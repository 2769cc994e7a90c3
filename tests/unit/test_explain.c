/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/explain.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "app/base/clock.h"

void explain_tests(void);

enum { EVENTS = 30 };
static const double near = 1e-12;
static const int32_t today = 20000;

static int64_t at_day(double day)
{
    return day_start_ms(today) + (int64_t)(day * (double)DAY_MS);
}

static struct learning_event quiz(double x, double weight, double day)
{
    return (struct learning_event){.at_ms = at_day(day),
                                   .observations = {{QUIZ, x, weight}},
                                   .observation_count = 1,
                                   .is_quiz = true};
}

static void add(struct explanation *e, struct learning_event event, const char *id)
{
    explanation_add_event(e, &event, QUIZ_COMPLETED, id, 0);
}

static double sum_of_shares(const struct explained_component *c)
{
    double sum = c->other_share;
    for (int i = 0; i < c->observation_count; i++)
        sum += c->observations[i].share;
    return sum;
}

/* The state of `n` events, and its explanation on day `now`, the events added by steps of `step`,
 * which has no divisor in common with n. */
static void explain_events(const struct learning_event *events, int n, int step, double now,
                           struct explanation *ret)
{
    struct mastery_state s;
    mastery_state_init(&s);
    for (int i = 0; i < n; i++)
        mastery_state_apply(&s, &events[i]);
    explanation_init(ret, at_day(now));
    explanation_set_state(ret, &s);
    for (int i = 0; i < n; i++) {
        char id[EXPLAIN_EVENT_ID_SIZE];
        (void)snprintf(id, sizeof(id), "event-%d", i * step % n);
        add(ret, events[i * step % n], id);
    }
    explanation_finish(ret);
}

static void the_ten_largest_are_kept_in_any_order(void)
{
    struct learning_event events[EVENTS];
    struct explanation first, other;
    const struct explained_component *c = &first.components[QUIZ];

    for (int i = 0; i < EVENTS; i++) /* some of them are equal but for the id */
        events[i] = quiz(i % 3 / 2.0, 1 + i % 2, -(i / 4) * 3.0);
    explain_events(events, EVENTS, 1, 0.5, &first);
    CU_ASSERT_EQUAL(c->observation_count, EXPLAIN_OBSERVATIONS);
    for (int i = 1; i < EXPLAIN_OBSERVATIONS; i++)
        CU_ASSERT_TRUE(c->observations[i].share <= c->observations[i - 1].share);
    CU_ASSERT_DOUBLE_EQUAL(sum_of_shares(c), 1, near);
    CU_ASSERT_TRUE(c->other_share > 0.1);
    for (int step = 7; step < EVENTS; step += 4) {
        if (step % 2 == 0 || step % 3 == 0 || step % 5 == 0)
            continue;
        explain_events(events, EVENTS, step, 0.5, &other);
        for (int i = 0; i < EXPLAIN_OBSERVATIONS; i++)
            CU_ASSERT_STRING_EQUAL(other.components[QUIZ].observations[i].event_id,
                                   c->observations[i].event_id);
    }
}

static void all_that_is_listed_makes_up_the_component(void)
{
    const struct learning_event events[] = {quiz(1, 1, -28), quiz(.5, 1, -14), quiz(0, 1, 0)};
    const double shares[] = {1 / 1.75, .5 / 1.75, .25 / 1.75};
    struct explanation e;
    double mean = 0;

    explain_events(events, 3, 1, 14, &e);
    CU_ASSERT_EQUAL(e.components[QUIZ].observation_count, 3);
    for (int i = 0; i < 3; i++) {
        const struct explained_observation *o = &e.components[QUIZ].observations[i];
        CU_ASSERT_DOUBLE_EQUAL(o->share, shares[i], near);
        CU_ASSERT_DOUBLE_EQUAL(o->weight, exp2(-i) / 2, near);
        mean += o->share * o->value;
    }
    CU_ASSERT_DOUBLE_EQUAL(mean, e.components[QUIZ].value, near);
    CU_ASSERT_EQUAL(e.components[QUIZ].other_share, 0);
}

static void events_of_which_the_state_knows_nothing_leave_the_shares_within_one(void)
{
    struct learning_event known = quiz(.5, 1, 0);
    struct mastery_state s;
    struct explanation e;

    mastery_state_init(&s);
    mastery_state_apply(&s, &known);
    explanation_init(&e, at_day(0));
    explanation_set_state(&e, &s);
    add(&e, known, "known-1");
    add(&e, quiz(.5, 3, 0), "unknown-1");
    explanation_finish(&e);
    CU_ASSERT_EQUAL(e.components[QUIZ].observations[0].share, .75);
    CU_ASSERT_EQUAL(e.components[QUIZ].observations[1].share, .25);
    CU_ASSERT_EQUAL(e.components[QUIZ].other_share, 0);
}

/* Events read before the statement was seen are dropped; later ones are added to it. */
static void a_statement_that_comes_meanwhile_replaces_what_was_read(void)
{
    const double stated[COMPONENTS] = {.1, .2, .3, .4};
    struct learning_event before = quiz(1, 1, 0), after = quiz(1, 5, 2);
    struct mastery_state s;
    struct explanation e;
    const struct explained_component *c = &e.components[QUIZ];

    mastery_state_init(&s);
    mastery_state_apply(&s, &before);
    explanation_init(&e, at_day(2));
    explanation_set_state(&e, &s);
    add(&e, before, "before-1");
    mastery_state_assert(&s, stated, NULL, at_day(2));
    explanation_set_state(&e, &s);
    add(&e, before, "before-1");
    mastery_state_apply(&s, &after);
    explanation_set_state(&e, &s);
    add(&e, after, "after-1");
    explanation_add_event(&e, &after, QUIZ_COMPLETED, "recorded-before", at_day(1));
    explanation_finish(&e);
    CU_ASSERT_EQUAL(c->observation_count, 2);
    for (int i = 0; i < 2; i++) {
        const struct explained_observation *o = &c->observations[i];
        CU_ASSERT_EQUAL(o->share, .5);
        CU_ASSERT_EQUAL(o->value, o->type == EVENT_TYPES ? .2 : 1);
        CU_ASSERT_STRING_EQUAL(o->event_id, o->type == EVENT_TYPES ? "" : "after-1");
    }
}

static void evidence_dated_ahead_keeps_its_weight(void)
{
    const struct learning_event events[] = {quiz(1, 1, 0.04), quiz(0, 2, 0.01)};
    struct explanation e;

    explain_events(events, 2, 1, 0, &e);
    CU_ASSERT_DOUBLE_EQUAL(e.components[QUIZ].observations[1].weight, 1, near);
    CU_ASSERT_DOUBLE_EQUAL(e.components[QUIZ].observations[1].share,
                           1 / e.components[QUIZ].evidence, 1e-11);
    CU_ASSERT_DOUBLE_EQUAL(sum_of_shares(&e.components[QUIZ]), 1, near);
    CU_ASSERT_EQUAL(e.components[QUIZ].other_share, 0);
}

static void an_empty_state_gives_zeros(void)
{
    struct mastery_state s;
    struct explanation e;

    mastery_state_init(&s);
    explanation_init(&e, at_day(0));
    explanation_set_state(&e, &s);
    explanation_finish(&e);
    CU_ASSERT_EQUAL(e.score, 0);
    CU_ASSERT_EQUAL(e.level, NOVICE);
    CU_ASSERT_EQUAL(e.missing, level_floors[DEVELOPING]);
    for (int c = 0; c < COMPONENTS; c++)
        CU_ASSERT_EQUAL(e.components[c].other_share, 1);
    for (int i = 0; i < EXPLAIN_FADINGS; i++)
        CU_ASSERT_EQUAL(e.fading[i], 0);
    CU_ASSERT_DOUBLE_EQUAL(e.what_if[0].score, .75 + .25 * .1, near);
}

void explain_tests(void)
{
    CU_pSuite suite = CU_add_suite("explain", NULL, NULL);
    CU_ADD_TEST(suite, the_ten_largest_are_kept_in_any_order);
    CU_ADD_TEST(suite, all_that_is_listed_makes_up_the_component);
    CU_ADD_TEST(suite, events_of_which_the_state_knows_nothing_leave_the_shares_within_one);
    CU_ADD_TEST(suite, a_statement_that_comes_meanwhile_replaces_what_was_read);
    CU_ADD_TEST(suite, evidence_dated_ahead_keeps_its_weight);
    CU_ADD_TEST(suite, an_empty_state_gives_zeros);
}

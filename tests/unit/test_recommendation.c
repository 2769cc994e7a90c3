/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/recommendation.h"

#include <string.h>

#include <CUnit/CUnit.h>

#include "app/base/clock.h"
#include "app/domain/learning_path.h"

void recommendation_tests(void);

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define CATALOGUE(items_, n, starters_, m)                                                         \
    {                                                                                              \
        .items = (items_), .item_count = (n), .starters = (starters_), .starter_count = (m)        \
    }

/* clang-format off */
enum place {
    ASSESS_COMPLETION, PRACTICE_EASY, LEARN_EASY, PRACTICE_MEDIUM, PRACTICE_HARD, PRACTICE_EXPERT, LEARN_EXPERT,
    ASSESS_QUIZ, REVIEW_EASY, REVIEW_MEDIUM, REVIEW_HARD, LEARN_QUIZ,
    ASSESS_QUALITY, REFACTOR_EASY, REFACTOR_MEDIUM, REFACTOR_HARD,
    SCHEDULE_EASY, SCHEDULE_MEDIUM, SCHEDULE_HARD, SCHEDULE_EXPERT,
    PLACES
};

static const uint16_t after_practice_easy[] = {PRACTICE_EASY},
                      after_two[] = {PRACTICE_MEDIUM, LEARN_EASY},
                      after_practice_hard[] = {PRACTICE_HARD},
                      after_review_easy[] = {REVIEW_EASY};

#define NEEDS(list) .prerequisites = (list), .prerequisite_count = COUNT(list)

static const struct content items[PLACES] = {
    [ASSESS_COMPLETION] = {.component = COMPLETION, .action = ACT_ASSESS, .difficulty = EASY, .minutes = 20},
    [PRACTICE_EASY] = {.component = COMPLETION, .action = ACT_PRACTICE, .difficulty = EASY, .minutes = 15},
    [LEARN_EASY] = {.component = COMPLETION, .action = ACT_LEARN_NEW, .difficulty = EASY, .minutes = 20, NEEDS(after_practice_easy)},
    [PRACTICE_MEDIUM] = {.component = COMPLETION, .action = ACT_PRACTICE, .difficulty = MEDIUM, .minutes = 30, NEEDS(after_practice_easy)},
    [PRACTICE_HARD] = {.component = COMPLETION, .action = ACT_PRACTICE, .difficulty = HARD, .minutes = 45, NEEDS(after_two)},
    [PRACTICE_EXPERT] = {.component = COMPLETION, .action = ACT_PRACTICE, .difficulty = EXPERT, .minutes = 60, NEEDS(after_practice_hard)},
    [LEARN_EXPERT] = {.component = COMPLETION, .action = ACT_LEARN_NEW, .difficulty = EXPERT, .minutes = 60},
    [ASSESS_QUIZ] = {.component = QUIZ, .action = ACT_ASSESS, .difficulty = EASY, .minutes = 10},
    [REVIEW_EASY] = {.component = QUIZ, .action = ACT_REVIEW, .difficulty = EASY, .minutes = 15},
    [REVIEW_MEDIUM] = {.component = QUIZ, .action = ACT_REVIEW, .difficulty = MEDIUM, .minutes = 20, NEEDS(after_review_easy)},
    [REVIEW_HARD] = {.component = QUIZ, .action = ACT_REVIEW, .difficulty = HARD, .minutes = 30},
    [LEARN_QUIZ] = {.component = QUIZ, .action = ACT_LEARN_NEW, .difficulty = HARD, .minutes = 30},
    [ASSESS_QUALITY] = {.component = QUALITY, .action = ACT_ASSESS, .difficulty = EASY, .minutes = 20},
    [REFACTOR_EASY] = {.component = QUALITY, .action = ACT_REFACTOR, .difficulty = EASY, .minutes = 20},
    [REFACTOR_MEDIUM] = {.component = QUALITY, .action = ACT_REFACTOR, .difficulty = MEDIUM, .minutes = 30},
    [REFACTOR_HARD] = {.component = QUALITY, .action = ACT_REFACTOR, .difficulty = HARD, .minutes = 45},
    [SCHEDULE_EASY] = {.component = CONSISTENCY, .action = ACT_SCHEDULE, .difficulty = EASY, .minutes = 10},
    [SCHEDULE_MEDIUM] = {.component = CONSISTENCY, .action = ACT_SCHEDULE, .difficulty = MEDIUM, .minutes = 15},
    [SCHEDULE_HARD] = {.component = CONSISTENCY, .action = ACT_SCHEDULE, .difficulty = HARD, .minutes = 15},
    [SCHEDULE_EXPERT] = {.component = CONSISTENCY, .action = ACT_SCHEDULE, .difficulty = EXPERT, .minutes = 20},
};
static const struct content starters[] = {
    {.component = QUIZ, .action = ACT_ASSESS, .difficulty = EASY, .minutes = 10},
    {.component = COMPLETION, .action = ACT_LEARN_NEW, .difficulty = EASY, .minutes = 20},
};
/* clang-format on */

static const struct catalogue catalogue = CATALOGUE(items, PLACES, starters, COUNT(starters));

static const struct path_options no_wish = {.has_target = false};

/* A learner whose components were just stated. */
static struct learner learner_of(double completion, double quiz, double quality, double consistency)
{
    const double components[COMPONENTS] = {completion, quiz, quality, consistency};
    struct mastery_state s;
    struct learner l;
    mastery_state_init(&s);
    mastery_state_assert(&s, components, NULL, 0);
    learner_of_state(&s, 0, &l);
    return l;
}

static struct learner learner_with_quizzes_only(double score)
{
    struct learning_event event = {
        .at_ms = 0, .observations = {{QUIZ, score, 1}}, .observation_count = 1};
    struct mastery_state s;
    struct learner l;
    mastery_state_init(&s);
    for (int day = 0; day < 12; day++, event.at_ms += DAY_MS)
        mastery_state_apply(&s, &event);
    learner_of_state(&s, event.at_ms - DAY_MS, &l);
    return l;
}

static struct learner learner_without_data(void)
{
    struct mastery_state s;
    struct learner l;
    mastery_state_init(&s);
    learner_of_state(&s, 0, &l);
    return l;
}

static void assert_recommended(const struct learner *l, struct recommendation_filter wish,
                               const enum place *expected, size_t n)
{
    struct recommendation found[RECOMMENDATIONS_MAX];
    CU_ASSERT_EQUAL_FATAL(recommend(&catalogue, l, &wish, found), n);
    for (size_t i = 0; i < n; i++)
        CU_ASSERT_EQUAL(found[i].content - items, expected[i]);
}

/* The gaps are .3, .35, .05, .6. */
static void gaps_are_ordered_by_size(void)
{
    static const enum component areas[] = {CONSISTENCY, QUIZ, COMPLETION, QUALITY};
    static const enum place expected[] = {SCHEDULE_EASY, REVIEW_MEDIUM, PRACTICE_MEDIUM,
                                          REFACTOR_HARD};
    struct learner l = learner_of(.5, .4, .65, .1);
    enum component ordered[COMPONENTS];
    CU_ASSERT_EQUAL(priority_areas(&l, ordered), COMPONENTS);
    for (size_t i = 0; i < COMPONENTS; i++)
        CU_ASSERT_EQUAL(ordered[i], areas[i]);
    for (size_t limit = 1; limit <= 4; limit++)
        assert_recommended(&l, (struct recommendation_filter){.limit = limit}, expected, limit);
}

static void priorities_begin_at_their_gaps(void)
{
    static const struct {
        double completion, gap;
        enum priority priority;
    } rows[] = {{.6, .2, PRIORITY_HIGH},          {.600000000001, .199999999999, PRIORITY_MEDIUM},
                {.7, .1, PRIORITY_MEDIUM},        {.700000000001, .099999999999, PRIORITY_LOW},
                {.799999, .000001, PRIORITY_LOW}, {0, .8, PRIORITY_HIGH}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct learner l = learner_of(rows[i].completion, 1, 1, 1);
        struct recommendation_filter wish = {.limit = 1};
        struct recommendation r;
        CU_ASSERT_EQUAL_FATAL(recommend(&catalogue, &l, &wish, &r), 1);
        CU_ASSERT_EQUAL(r.gap, rows[i].gap);
        CU_ASSERT_EQUAL(r.priority, rows[i].priority);
        CU_ASSERT_EQUAL(r.confidence, .857142857143); /* (1 + 5) / (2 + 5) */
    }
}

static void every_gap_gets_one_before_any_gets_two(void)
{
    static const enum place expected[] = {PRACTICE_EASY, PRACTICE_MEDIUM, LEARN_EASY, REFACTOR_EASY,
                                          REFACTOR_MEDIUM};
    struct learner l = learner_of(.2, .9, .1, .9);
    assert_recommended(&l, (struct recommendation_filter){.limit = 5}, expected, 5);
    static const enum place two[] = {PRACTICE_EASY, REFACTOR_EASY};
    assert_recommended(&l, (struct recommendation_filter){.limit = 2}, two, 2);
    /* Nothing hard for a novice, and no assessment of a component with evidence. */
    assert_recommended(&l, (struct recommendation_filter){.limit = 20}, expected, 5);
}

static void wishes_filter(void)
{
    struct learner l = learner_of(.3, .65, .69, .2);
    static const enum place quiz[] = {REVIEW_HARD, REVIEW_MEDIUM, LEARN_QUIZ},
                            high[] = {PRACTICE_EASY, SCHEDULE_EASY}, low[] = {REFACTOR_HARD};
    assert_recommended(
        &l, (struct recommendation_filter){.limit = 3, .component_filter = 1U << QUIZ}, quiz, 3);
    struct recommendation_filter wish = {
        .limit = 2, .has_priority = true, .priority = PRIORITY_HIGH};
    assert_recommended(&l, wish, high, 2);
    wish =
        (struct recommendation_filter){.limit = 1, .has_priority = true, .priority = PRIORITY_LOW};
    assert_recommended(&l, wish, low, 1);
    wish.component_filter = 1U << COMPLETION;
    assert_recommended(&l, wish, NULL, 0);
}

static void without_a_gap_there_is_something_new(void)
{
    static const enum place expected[] = {LEARN_EXPERT, LEARN_QUIZ};
    struct learner l = learner_of(.9, .9, .9, .9);
    struct recommendation found[5];
    assert_recommended(&l, (struct recommendation_filter){.limit = 5}, expected, 2);
    recommend(&catalogue, &l, &(struct recommendation_filter){.limit = 5}, found);
    CU_ASSERT_EQUAL(found[0].gap, 0);
    CU_ASSERT_EQUAL(found[0].priority, PRIORITY_LOW);
    struct recommendation_filter wish = {
        .limit = 5, .has_priority = true, .priority = PRIORITY_HIGH};
    assert_recommended(&l, wish, NULL, 0);
}

static void what_is_not_known_is_assessed(void)
{
    static const enum place expected[] = {ASSESS_COMPLETION, ASSESS_QUALITY};
    struct learner l = learner_with_quizzes_only(.9);
    struct recommendation found[2];
    CU_ASSERT_EQUAL(l.known, 1U << QUIZ | 1U << CONSISTENCY);
    CU_ASSERT_EQUAL(l.weights[COMPLETION], .4);
    assert_recommended(&l, (struct recommendation_filter){.limit = 2}, expected, 2);
    recommend(&catalogue, &l, &(struct recommendation_filter){.limit = 2}, found);
    CU_ASSERT_EQUAL(found[0].confidence, .5);
}

static void a_learner_without_data_gets_the_starters(void)
{
    struct learner l = learner_without_data();
    struct recommendation found[RECOMMENDATIONS_MAX];
    struct recommendation_filter wish = {.limit = 5, .component_filter = 1U << QUALITY};
    CU_ASSERT_EQUAL(recommend(&catalogue, &l, &wish, found), 2);
    CU_ASSERT_PTR_EQUAL(found[0].content, &starters[0]);
    CU_ASSERT_PTR_EQUAL(found[1].content, &starters[1]);
    CU_ASSERT_EQUAL(found[0].priority, PRIORITY_HIGH);
    CU_ASSERT_EQUAL(found[0].gap, .75);
    wish.limit = 1;
    CU_ASSERT_EQUAL(recommend(&catalogue, &l, &wish, found), 1);
}

static void own_weights_order_equal_gaps(void)
{
    static const double components[COMPONENTS] = {.5, .45, .4, .4}, /* gaps of .3 */
        weights[COMPONENTS] = {0, 0, 0, 1};
    static const enum place expected[] = {SCHEDULE_MEDIUM};
    struct mastery_state s;
    struct learner l;
    mastery_state_init(&s);
    mastery_state_assert(&s, components, weights, 0);
    learner_of_state(&s, 0, &l);
    assert_recommended(&l, (struct recommendation_filter){.limit = 1}, expected, 1);
    struct learning_path path;
    learning_path_plan(&catalogue, &l, &no_wish, &path);
    CU_ASSERT_EQUAL(path.steps[0].content - items, SCHEDULE_MEDIUM);
    CU_ASSERT_EQUAL(path.expected_score, .7); /* three more days of ten */
    CU_ASSERT_EQUAL(path.step_count, 3);
}

static void a_path_can_be_followed(const struct learning_path *path, const struct learner *l)
{
    int minutes = 0;
    bool done[PLACES] = {false};
    for (size_t i = 0; i < path->step_count; i++) {
        const struct content *item = path->steps[i].content;
        CU_ASSERT_FALSE(done[item - items]);
        done[item - items] = true;
        minutes += item->minutes;
        for (size_t p = 0; p < item->prerequisite_count; p++) {
            const struct content *needed = &items[item->prerequisites[p]];
            CU_ASSERT(done[item->prerequisites[p]] ||
                      l->components[needed->component] >= level_floors[needed->difficulty + 1]);
        }
    }
    CU_ASSERT_EQUAL(path->minutes, minutes);
    CU_ASSERT_EQUAL(path->days, (minutes + 44) / 45);
    CU_ASSERT(path->expected_score >= l->score && path->expected_score <= 1);
    CU_ASSERT(path->step_count <= PATH_STEPS_MAX);
}

static void a_path_leads_to_the_next_level(void)
{
    struct learner l = learner_of(.5, .5, .5, .5);
    struct learning_path path;
    learning_path_plan(&catalogue, &l, &no_wish, &path);
    a_path_can_be_followed(&path, &l);
    CU_ASSERT_EQUAL(path.current_level, DEVELOPING);
    CU_ASSERT_EQUAL(path.target_level, PROFICIENT);
    CU_ASSERT(path.expected_score >= .6);
    CU_ASSERT(path.step_count >= PATH_MIN_STEPS);
}

static void a_path_does_prerequisites_first(void)
{
    struct learner l = learner_of(.1, .9, .9, 1);
    struct path_options wish = {.has_target = true, .target = MASTER};
    struct learning_path path;
    learning_path_plan(&catalogue, &l, &wish, &path);
    a_path_can_be_followed(&path, &l);
    CU_ASSERT_EQUAL(path.target_level, MASTER);
    CU_ASSERT(path.step_count > 3);
    /* An item whose prerequisites bring it in, one after the other. */
    static const uint16_t first[] = {0}, second[] = {1};
    static const struct content chain[] = {
        {.component = COMPLETION, .difficulty = EASY, .minutes = 60},
        {.component = COMPLETION, .difficulty = MEDIUM, .minutes = 1, NEEDS(first)},
        {.component = COMPLETION, .difficulty = MEDIUM, .minutes = 1, NEEDS(second)}};
    const struct catalogue chained = CATALOGUE(chain, 3, starters, 2);
    l = learner_of(0, 0, 0, 0);
    learning_path_plan(&chained, &l, &no_wish, &path);
    CU_ASSERT_EQUAL(path.step_count, 3);
    for (size_t i = 0; i < 3; i++)
        CU_ASSERT_PTR_EQUAL(path.steps[i].content, &chain[i]);
    CU_ASSERT_EQUAL(path.minutes, 62);
    /* Each would fit, but not the one with the other. */
    learning_path_plan(&chained, &l, &(struct path_options){.max_minutes = 60}, &path);
    CU_ASSERT_EQUAL(path.step_count, 1);
    CU_ASSERT_EQUAL(path.minutes, 60);
}

static void a_path_keeps_to_its_time(void)
{
    for (int budget = 1; budget <= 400; budget += 7) {
        struct learner l = learner_of(.3, .5, .2, .4);
        struct path_options wish = {.has_target = true, .target = MASTER, .max_minutes = budget};
        struct learning_path path;
        learning_path_plan(&catalogue, &l, &wish, &path);
        a_path_can_be_followed(&path, &l);
        CU_ASSERT(path.minutes <= budget);
        CU_ASSERT_EQUAL(path.step_count == 0, budget < 15); /* the shortest that suits */
    }
}

static void a_path_never_lowers_the_score(void)
{
    static const double scores[] = {0, .3, .5, .7, .95, 1};
    for (size_t i = 0; i < COUNT(scores); i++) {
        struct learner all = learner_of(scores[i], scores[i], scores[i], scores[i]);
        struct learner some = learner_with_quizzes_only(scores[i]);
        struct learning_path path;
        learning_path_plan(&catalogue, &all, &no_wish, &path);
        a_path_can_be_followed(&path, &all);
        learning_path_plan(&catalogue, &some, &no_wish, &path);
        CU_ASSERT(path.expected_score >= some.score);
        CU_ASSERT(path.step_count > 0);
    }
    struct learner none = learner_without_data();
    struct learning_path path;
    learning_path_plan(&catalogue, &none, &no_wish, &path);
    CU_ASSERT(path.expected_score > 0 && path.step_count > 0);
}

static void a_master_stays_one(void)
{
    struct learner l = learner_of(1, 1, 1, 1);
    struct learning_path path;
    learning_path_plan(&catalogue, &l, &no_wish, &path);
    CU_ASSERT_EQUAL(path.target_level, MASTER);
    CU_ASSERT_EQUAL(path.expected_score, 1);
    CU_ASSERT_EQUAL(path.step_count, PATH_MIN_STEPS);
}

/* One step by the formula: quiz .5 with weight 5, and an item of weight 1 (medium). */
static void a_step_counts_as_one_more_observation(void)
{
    static const struct content one[] = {{.component = QUIZ, .difficulty = MEDIUM, .minutes = 20}};
    const struct catalogue single = CATALOGUE(one, 1, starters, 2);
    struct learner l = learner_of(.5, .5, .5, .5);
    struct learning_path path;
    learning_path_plan(&single, &l, &no_wish, &path);
    CU_ASSERT_EQUAL(path.step_count, 1);
    CU_ASSERT_EQUAL(path.expected_score, .5125); /* .3 * (1/6 * 1/2 * 1/2) more */
    CU_ASSERT_EQUAL(path.days, 1);
}

/* Every path consists of items of its catalogue, whatever the target. */
static struct learning_path path_through(const struct content *own, size_t n,
                                         const struct learner *l)
{
    const struct catalogue c = CATALOGUE(own, n, starters, COUNT(starters));
    struct learning_path path;
    learning_path_plan(&c, l, &(struct path_options){.has_target = true, .target = MASTER}, &path);
    return path;
}

static void evidence_grows_along_a_path(void)
{
    static const struct content two[] = {{.component = QUIZ, .difficulty = MEDIUM, .minutes = 20},
                                         {.component = QUIZ, .difficulty = MEDIUM, .minutes = 20}};
    struct learner l = learner_of(.5, .5, .5, .5);
    struct learning_path path = path_through(two, 2, &l);
    CU_ASSERT_EQUAL(path.step_count, 2);
    CU_ASSERT_DOUBLE_EQUAL(path.expected_score, .5223214285714286, 1e-11);
}

static void the_best_gain_for_the_time_comes_first(void)
{
    static const struct content two[] = {
        {.component = COMPLETION, .difficulty = MEDIUM, .minutes = 60},
        {.component = QUIZ, .difficulty = MEDIUM, .minutes = 10}};
    struct learner l = learner_of(.5, .5, .5, .5);
    struct learning_path path = path_through(two, 2, &l);
    CU_ASSERT_EQUAL(path.step_count, 2);
    CU_ASSERT_PTR_EQUAL(path.steps[0].content, &two[1]);
}

static void what_is_not_known_is_presumed_to_be_like_the_rest(void)
{
    static const struct content one[] = {
        {.component = QUALITY, .difficulty = EXPERT, .minutes = 60}};
    struct learner l = learner_with_quizzes_only(.9);
    struct learning_path path = path_through(one, 1, &l);
    CU_ASSERT_EQUAL(path.step_count, 1);
    CU_ASSERT(path.expected_score > l.score);
}

static void nothing_too_hard_comes_on_a_path(void)
{
    static const struct content one[] = {{.component = QUIZ, .difficulty = HARD, .minutes = 20}};
    struct learner l = learner_of(.3, .3, .3, .3);
    CU_ASSERT_EQUAL(path_through(one, 1, &l).step_count, 0);
}

/* Only the last of the chain would gain anything, and it can never be reached. */
static void a_chain_longer_than_a_path_is_begun(void)
{
    enum { LONG = 30 };
    static uint16_t before[LONG];
    static struct content chain[LONG];
    struct learner l = learner_of(1, .85, 0, 0);
    for (uint16_t i = 0; i < LONG; i++) {
        before[i] = (uint16_t)(i - (i > 0));
        chain[i] = (struct content){.component = i < LONG - 1 ? COMPLETION : QUIZ,
                                    .difficulty = EXPERT,
                                    .minutes = 1,
                                    .prerequisites = &before[i],
                                    .prerequisite_count = i > 0};
    }
    struct learning_path path = path_through(chain, LONG, &l);
    CU_ASSERT_EQUAL(path.step_count, PATH_STEPS_MAX);
    for (size_t i = 0; i < path.step_count; i++)
        CU_ASSERT_PTR_EQUAL(path.steps[i].content, &chain[i]);
}

static void of_equal_items_the_first_is_recommended(void)
{
    static const struct content two[] = {{.component = QUIZ, .action = ACT_REVIEW, .minutes = 10},
                                         {.component = QUIZ, .action = ACT_REVIEW, .minutes = 10}};
    const struct catalogue c = CATALOGUE(two, 2, starters, COUNT(starters));
    struct learner l = learner_of(.9, .1, .9, .9);
    struct recommendation r;
    CU_ASSERT_EQUAL(recommend(&c, &l, &(struct recommendation_filter){.limit = 1}, &r), 1);
    CU_ASSERT_PTR_EQUAL(r.content, &two[0]);
}

static void faults_of_a_catalogue_are_told(void)
{
    static const uint16_t itself[] = {0};
    static const struct content good[] = {{.minutes = 1}}, no_time[] = {{.minutes = 0}},
                                circle[] = {{.minutes = 1, NEEDS(itself)}};
    CU_ASSERT_PTR_NULL(catalogue_error(&catalogue));
    CU_ASSERT_PTR_NULL(catalogue_error(&(struct catalogue)CATALOGUE(good, 1, good, 1)));
    CU_ASSERT_PTR_NOT_NULL(catalogue_error(&(struct catalogue)CATALOGUE(good, 0, good, 1)));
    CU_ASSERT_PTR_NOT_NULL(catalogue_error(&(struct catalogue)CATALOGUE(good, 257, good, 1)));
    CU_ASSERT_PTR_NOT_NULL(catalogue_error(&(struct catalogue)CATALOGUE(good, 1, good, 0)));
    CU_ASSERT_PTR_NOT_NULL(catalogue_error(&(struct catalogue)CATALOGUE(no_time, 1, good, 1)));
    CU_ASSERT_PTR_NOT_NULL(catalogue_error(&(struct catalogue)CATALOGUE(circle, 1, good, 1)));
}

static void every_name_is_there(void)
{
    CU_ASSERT_STRING_EQUAL(action_names[ACT_LEARN_NEW], "learn_new");
    CU_ASSERT_STRING_EQUAL(priority_names[PRIORITY_MEDIUM], "medium");
    CU_ASSERT_PTR_NULL(action_names[ACTIONS]);
    CU_ASSERT_PTR_NULL(priority_names[PRIORITIES]);
}

/* ---- reasons and feedback ---- */

static void a_recommendation_says_why(void)
{
    struct learner none = learner_without_data(), some = learner_with_quizzes_only(.9),
                   low = learner_of(.5, .5, .5, .5);
    static const struct {
        enum component component;
        enum reason with_none, with_some, with_low;
    } cases[] = {{COMPLETION, REASON_STARTER, REASON_UNKNOWN, REASON_GAP},
                 {QUIZ, REASON_STARTER, REASON_NEW, REASON_GAP},
                 {CONSISTENCY, REASON_STARTER, REASON_NEW, REASON_GAP}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct content item = {.component = cases[i].component, .minutes = 1};
        CU_ASSERT_EQUAL(recommendation_of(&item, &none).reason, cases[i].with_none);
        CU_ASSERT_EQUAL(recommendation_of(&item, &some).reason, cases[i].with_some);
        CU_ASSERT_EQUAL(recommendation_of(&item, &low).reason, cases[i].with_low);
        CU_ASSERT_EQUAL(recommendation_of(&item, &none).score, 0);
        CU_ASSERT_EQUAL(recommendation_of(&item, &low).score, .5);
    }
}

static void usefulness_is_the_mean_of_what_was_said(void)
{
    static const struct {
        struct feedback said;
        double expected;
    } cases[] = {
        {{.completed = true}, 1},
        {{.completed = false}, 0},
        {{.completed = true, .has_rating = true, .rating = 5}, 1},
        {{.completed = false, .has_rating = true, .rating = 2}, .125},
        {{.completed = true, .has_rating = true, .rating = 1}, .5},
        {{.completed = false, .has_improvement = true, .improvement = .01}, .5},
        {{.completed = true, .has_improvement = true, .improvement = 0}, .75},
        {{.completed = true, .has_improvement = true, .improvement = -1}, .5},
        {{.has_rating = true, .rating = 3, .has_improvement = true, .improvement = 1}, .5},
        {{.completed = true, .rating = 1, .improvement = -1, .has_minutes = true}, 1},
        {{.has_rating = true, .rating = 2, .has_improvement = true, .improvement = 0}, .25},
        {{.completed = true, .has_rating = true, .rating = 2, .has_improvement = true},
         .583333333333},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CU_ASSERT_EQUAL(feedback_usefulness(&cases[i].said), cases[i].expected);
}

static void feedback_moves_confidence_of_its_kind(void)
{
    struct learner l = learner_of(.5, .5, .5, .5);
    const struct content practice = {.component = COMPLETION, .action = ACT_PRACTICE},
                         learn = {.component = COMPLETION, .action = ACT_LEARN_NEW},
                         quiz = {.component = QUIZ, .action = ACT_PRACTICE};
    CU_ASSERT_EQUAL(recommendation_of(&practice, &l).confidence, .857142857143);
    learner_add_feedback(&l, ACT_PRACTICE, COMPLETION, .125);
    CU_ASSERT_EQUAL(recommendation_of(&practice, &l).confidence, .765625);
    CU_ASSERT_EQUAL(recommendation_of(&learn, &l).confidence, .857142857143);
    CU_ASSERT_EQUAL(recommendation_of(&quiz, &l).confidence, .857142857143);
    learner_add_feedback(&l, ACT_PRACTICE, COMPLETION, 1);
    CU_ASSERT_EQUAL(recommendation_of(&practice, &l).confidence, .791666666667); /* 7.125/9 */
    for (int i = 0; i < 1000; i++)
        learner_add_feedback(&l, ACT_PRACTICE, COMPLETION, i % 2);
    CU_ASSERT(recommendation_of(&practice, &l).confidence > 0);
    CU_ASSERT(recommendation_of(&practice, &l).confidence < 1);
}

void recommendation_tests(void)
{
    CU_pSuite suite = CU_add_suite("recommendation", NULL, NULL);
    CU_ADD_TEST(suite, gaps_are_ordered_by_size);
    CU_ADD_TEST(suite, priorities_begin_at_their_gaps);
    CU_ADD_TEST(suite, every_gap_gets_one_before_any_gets_two);
    CU_ADD_TEST(suite, wishes_filter);
    CU_ADD_TEST(suite, without_a_gap_there_is_something_new);
    CU_ADD_TEST(suite, what_is_not_known_is_assessed);
    CU_ADD_TEST(suite, a_learner_without_data_gets_the_starters);
    CU_ADD_TEST(suite, own_weights_order_equal_gaps);
    CU_ADD_TEST(suite, a_recommendation_says_why);
    CU_ADD_TEST(suite, usefulness_is_the_mean_of_what_was_said);
    CU_ADD_TEST(suite, feedback_moves_confidence_of_its_kind);
    CU_ADD_TEST(suite, a_path_leads_to_the_next_level);
    CU_ADD_TEST(suite, a_path_does_prerequisites_first);
    CU_ADD_TEST(suite, a_path_keeps_to_its_time);
    CU_ADD_TEST(suite, a_path_never_lowers_the_score);
    CU_ADD_TEST(suite, a_master_stays_one);
    CU_ADD_TEST(suite, a_step_counts_as_one_more_observation);
    CU_ADD_TEST(suite, evidence_grows_along_a_path);
    CU_ADD_TEST(suite, the_best_gain_for_the_time_comes_first);
    CU_ADD_TEST(suite, what_is_not_known_is_presumed_to_be_like_the_rest);
    CU_ADD_TEST(suite, nothing_too_hard_comes_on_a_path);
    CU_ADD_TEST(suite, a_chain_longer_than_a_path_is_begun);
    CU_ADD_TEST(suite, of_equal_items_the_first_is_recommended);
    CU_ADD_TEST(suite, faults_of_a_catalogue_are_told);
    CU_ADD_TEST(suite, every_name_is_there);
}

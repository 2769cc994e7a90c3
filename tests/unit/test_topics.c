/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Topics: what an event says about its topics, mastery by topic, and the packed form. */
#include <CUnit/CUnit.h>
#include <math.h>

#include "app/base/buf.h"
#include "app/base/clock.h"
#include "app/domain/events.h"
#include "app/store/topics.h"
#include "tests/unit/reply_fixture.h"

void topics_tests(void);

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const int64_t NOON = INT64_C(20700) * DAY_MS + DAY_MS / 2;
static const int64_t HALF_LIFE = EVIDENCE_HALF_LIFE_MS;
static struct arena *arena;

static int set_up(void)
{
    arena = arena_new(4096, 1 << 20);
    return arena ? 0 : 1;
}

static int tear_down(void)
{
    arena_free(arena);
    return 0;
}

/* ---- domain ---- */

static void exercises_and_quizzes_observe_their_topics(void)
{
    struct str ids[] = {STR("loops"), STR("strings")};
    struct exercise_completed exercise = {.difficulty = HARD, .correctness = 0.5, .retries = 2};
    struct quiz_completed quiz = {.score = 0.75, .questions_total = 20};
    struct learning_event event = event_of_exercise(&exercise, NOON);
    struct topic topics[EVENT_TOPICS_MAX];

    CU_ASSERT_EQUAL(topics_of_event(&event, topics), 0);
    event.topics = (struct str_list){ids, 2};
    CU_ASSERT_EQUAL_FATAL(topics_of_event(&event, topics), 2);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_TRUE(str_equal(topics[i].id, ids[i]));
        CU_ASSERT_EQUAL(topics[i].components, 1U << QUALITY);
        CU_ASSERT_DOUBLE_EQUAL(topics[i].evidence.weight, 1.2, 1e-12);
        CU_ASSERT_DOUBLE_EQUAL(topics[i].evidence.sum, 1.2 * 0.45, 1e-12);
        CU_ASSERT_EQUAL(topics[i].evidence.at_ms, NOON);
    }
    event = event_of_quiz(&quiz, NOON);
    event.topics = (struct str_list){ids, 1};
    CU_ASSERT_EQUAL_FATAL(topics_of_event(&event, topics), 1);
    CU_ASSERT_EQUAL(topics[0].components, 1U << QUIZ);
    CU_ASSERT_DOUBLE_EQUAL(topics[0].evidence.weight, 2, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(topics[0].evidence.sum, 1.5, 1e-12);
}

static void other_events_observe_no_topic(void)
{
    struct str id = STR("loops");
    struct learning_event event = event_of_lesson(&(struct lesson_viewed){75}, NOON);
    struct topic topics[EVENT_TOPICS_MAX];

    event.topics = (struct str_list){&id, 1};
    CU_ASSERT_EQUAL(topics_of_event(&event, topics), 0);
    event = event_of_activity(NOON);
    event.topics = (struct str_list){&id, 1};
    CU_ASSERT_EQUAL(topics_of_event(&event, topics), 0);
}

static struct topic topic(const char *id, double sum, double weight, int64_t at_ms)
{
    return (struct topic){.id = str_of(id), .evidence = {sum, weight, at_ms}};
}

/* Computed by hand: a half-life before the newest observation, x has half of its sum and weight. */
static void mastery_leans_on_the_mean(void)
{
    struct topic topics[] = {topic("x", 3, 3, NOON - HALF_LIFE), topic("y", 0, 1.5, NOON)};
    struct topic alone = topic("x", 0.9, 1, NOON);
    const double mean = 1.5 / 3;

    topics_rank(topics, 2, NOON);
    CU_ASSERT_TRUE(str_equal(topics[0].id, STR("y")));
    CU_ASSERT_DOUBLE_EQUAL(topics[0].mastery, (0 + 2 * mean) / 3.5, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(topics[1].mastery, (1.5 + 2 * mean) / 3.5, 1e-12);
    topics_rank(&alone, 1, NOON);
    CU_ASSERT_DOUBLE_EQUAL(alone.mastery, 0.9, 1e-12); /* the mean is its own */
    topics_rank(NULL, 0, NOON);
}

static void time_alone_changes_no_mastery(void)
{
    struct topic first[] = {topic("x", 1, 1, NOON), topic("y", 0, 1, NOON - DAY_MS)};
    struct topic later[] = {first[0], first[1]};

    topics_rank(first, 2, NOON);
    topics_rank(later, 2, NOON + 100 * DAY_MS);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(first[i].mastery, later[i].mastery);
}

static void topics_are_sorted_by_mastery_then_by_id(void)
{
    struct topic topics[] = {topic("b", 1, 1, NOON), topic("a", 1, 1, NOON), topic("c", 0, 1, NOON),
                             topic("ab", 1, 1, NOON)};
    static const char *const order[] = {"c", "a", "ab", "b"};

    topics_rank(topics, COUNT(topics), NOON);
    for (size_t i = 0; i < COUNT(topics); i++)
        CU_ASSERT_TRUE(str_equal(topics[i].id, str_of(order[i])));
}

static void an_old_topic_is_all_mean(void)
{
    struct topic topics[] = {topic("old", 0, 3, NOON - 40000 * DAY_MS), topic("new", 1, 1, NOON)};

    topics_rank(topics, 2, NOON);
    CU_ASSERT_EQUAL(topics[0].mastery, 1);
    CU_ASSERT_EQUAL(topics[1].mastery, 1);
}

static void a_time_of_a_wrong_clock_is_read_as_now(void)
{
    struct topic topics[] = {topic("x", 1, 1, NOON + 90 * DAY_MS), topic("y", 0, 1, NOON)};

    topics_rank(topics, 2, NOON);
    CU_ASSERT_EQUAL(topics[1].evidence.at_ms, NOON);
    CU_ASSERT_DOUBLE_EQUAL(topics[0].mastery, 1.0 / 3, 1e-12);
    topics[0].evidence.at_ms = NOON + STATE_AHEAD_MAX_MS;
    topics_rank(topics, 2, NOON);
    CU_ASSERT_EQUAL(topics[0].evidence.at_ms, NOON + STATE_AHEAD_MAX_MS);
}

/* ---- packed form ---- */

static bool unpacks(struct str packed)
{
    struct topic *topics;
    size_t n;

    return topics_unpack(packed, arena, &topics, &n);
}

static void unpacking_restores_each_topic(void)
{
    char long_id[128];
    struct topic topics[] = {topic("loops", 0.25, 0.5, NOON), topic("b", 0, 1e-9, 0),
                             topic("c", 3, 3, -1)};
    struct topic *found;
    struct str packed;
    size_t n;

    memset(long_id, 'x', sizeof(long_id));
    topics[1].id = (struct str){long_id, sizeof(long_id)};
    topics[0].components = 1U << QUIZ | 1U << QUALITY;
    packed = topics_pack(arena, topics, COUNT(topics));
    CU_ASSERT_TRUE_FATAL(topics_unpack(packed, arena, &found, &n));
    CU_ASSERT_EQUAL_FATAL(n, COUNT(topics));
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT_TRUE(str_equal(found[i].id, topics[i].id));
        CU_ASSERT_EQUAL(found[i].components, topics[i].components);
        CU_ASSERT_EQUAL(found[i].evidence.sum, topics[i].evidence.sum);
        CU_ASSERT_EQUAL(found[i].evidence.weight, topics[i].evidence.weight);
        CU_ASSERT_EQUAL(found[i].evidence.at_ms, topics[i].evidence.at_ms);
    }
    for (size_t size = 0; size < packed.n; size++) {
        bool is_whole = size == 1 || size == 1 + 26 + 5 || size == 1 + 26 + 5 + 26 + 128;

        CU_ASSERT_EQUAL(unpacks((struct str){packed.p, size}), is_whole);
    }
}

static void another_version_is_refused(void)
{
    CU_ASSERT_TRUE(unpacks(STR("\1")));
    CU_ASSERT_FALSE(unpacks(STR("\2")));
    CU_ASSERT_FALSE(unpacks(STR("")));
}

static void values_that_no_evidence_has_are_refused(void)
{
    const struct topic bad[] = {
        topic("", 0.5, 1, NOON),         topic("x", NAN, 1, NOON),      topic("x", 0.5, NAN, NOON),
        topic("x", 0.5, INFINITY, NOON), topic("x", 0, 0, NOON),        topic("x", -0.5, 1, NOON),
        topic("x", 1.1, 1, NOON),        topic("x", 0.5, 1, INT64_MAX),
    };

    for (size_t i = 0; i < COUNT(bad); i++)
        CU_ASSERT_FALSE(unpacks(topics_pack(arena, &bad[i], 1)));
}

static void more_topics_than_a_student_has_are_refused(void)
{
    struct topic topics[STUDENT_TOPICS_MAX + 1];

    for (size_t i = 0; i < COUNT(topics); i++)
        topics[i] = topic("x", 0.5, 1, NOON);
    CU_ASSERT_TRUE(unpacks(topics_pack(arena, topics, STUDENT_TOPICS_MAX)));
    CU_ASSERT_FALSE(unpacks(topics_pack(arena, topics, STUDENT_TOPICS_MAX + 1)));
}

/* ---- the reply ---- */

/* Parses the reply [state, topics, no consents], whose elements are in the form of the protocol. */
static bool parses(const char *state, struct str packed, struct student_topics *ret,
                   struct problem *p)
{
    struct pipeline pipeline;
    struct command *command;
    struct buf out;

    buf_init(&out, arena);
    buf_text(&out, "*3\r\n");
    buf_text(&out, state);
    buf_str(&out, packed);
    buf_text(&out, "$-1\r\n");
    pipeline_init(&pipeline, arena, NULL);
    command = student_cmd_topics(&pipeline, STR("s_1"));
    command->reply = reply_of(arena, buf_view(&out));
    *p = (struct problem){0};
    return student_parse_topics(command, ret, p);
}

static void a_reply_has_topics_or_none(void)
{
    static const char state[] = "$1\r\nx\r\n", nil[] = "$-1\r\n";
    struct topic one = topic("loops", 1, 2, NOON);
    struct student_topics topics;
    struct problem p;

    CU_ASSERT_TRUE(parses(nil, str_of(nil), &topics, &p));
    CU_ASSERT_FALSE(topics.exists);
    CU_ASSERT_TRUE(parses(state, str_of(nil), &topics, &p));
    CU_ASSERT_TRUE(topics.exists);
    CU_ASSERT_EQUAL(topics.n, 0);
    CU_ASSERT_TRUE_FATAL(parses(state, bulk_of(arena, topics_pack(arena, &one, 1)), &topics, &p));
    CU_ASSERT_EQUAL_FATAL(topics.n, 1);
    CU_ASSERT_TRUE(str_equal(topics.v[0].id, STR("loops")));
}

static void a_reply_that_cannot_be_read_is_a_problem(void)
{
    struct student_topics topics;
    struct problem p;

    CU_ASSERT_FALSE(parses("$1\r\nx\r\n", STR("$5\r\nwrong\r\n"), &topics, &p));
    CU_ASSERT_EQUAL(p.code, PROBLEM_INTERNAL_ERROR);
    CU_ASSERT_FALSE(parses(":1\r\n", STR("$-1\r\n"), &topics, &p));
    CU_ASSERT_EQUAL(p.code, PROBLEM_INTERNAL_ERROR);
    CU_ASSERT_FALSE(parses("", STR(""), &topics, &p)); /* no reply */
    CU_ASSERT_EQUAL(p.code, PROBLEM_SERVICE_UNAVAILABLE);
}

void topics_tests(void)
{
    CU_pSuite suite = CU_add_suite("topics", set_up, tear_down);

    CU_ADD_TEST(suite, exercises_and_quizzes_observe_their_topics);
    CU_ADD_TEST(suite, other_events_observe_no_topic);
    CU_ADD_TEST(suite, mastery_leans_on_the_mean);
    CU_ADD_TEST(suite, time_alone_changes_no_mastery);
    CU_ADD_TEST(suite, topics_are_sorted_by_mastery_then_by_id);
    CU_ADD_TEST(suite, an_old_topic_is_all_mean);
    CU_ADD_TEST(suite, a_time_of_a_wrong_clock_is_read_as_now);
    CU_ADD_TEST(suite, unpacking_restores_each_topic);
    CU_ADD_TEST(suite, another_version_is_refused);
    CU_ADD_TEST(suite, values_that_no_evidence_has_are_refused);
    CU_ADD_TEST(suite, more_topics_than_a_student_has_are_refused);
    CU_ADD_TEST(suite, a_reply_has_topics_or_none);
    CU_ADD_TEST(suite, a_reply_that_cannot_be_read_is_a_problem);
}

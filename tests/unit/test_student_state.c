/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <CUnit/CUnit.h>
#include <math.h>

#include "app/store/event_pack.h"
#include "app/store/student_days.h"

void student_state_tests(void);

/* Each member has another value, so that confusing two is noticed. */
static struct mastery_state full_state(void)
{
    struct mastery_state s = {
        .day = 20700,
        .active_days = 0xdeadbeef,
        .evidence = {{1.25, 2.5, 11}, {0.125, 4, INT64_MIN}, {3, 3, INT64_MAX}},
        .stated = true,
        .own_weights = true,
        .components = {0.1, 0.2, 0.3, 1},
        .weights = {0.25, 0.35, 0.15, 0.25},
        .stated_at_ms = INT64_C(1788480000001),
        .last_event_ms = INT64_MIN,
        .updated_at_ms = INT64_C(1788480000003),
        .samples = 5,
        .exercises = 6,
        .quizzes = UINT32_MAX,
        .revision = UINT64_MAX - 1,
    };

    return s;
}

static struct str packed_of(const struct mastery_state *s, unsigned char room[STATE_PACKED_MAX])
{
    return (struct str){(const char *)room, state_pack(s, room)};
}

static bool unpacks(const struct mastery_state *s)
{
    unsigned char room[STATE_PACKED_MAX];
    struct mastery_state got;

    return state_unpack(packed_of(s, room), &got);
}

static void assert_equal_states(const struct mastery_state *a, const struct mastery_state *b)
{
    CU_ASSERT_EQUAL(a->day, b->day);
    CU_ASSERT_EQUAL(a->active_days, b->active_days);
    for (int i = 0; i < EVIDENCE_COMPONENTS; i++) {
        CU_ASSERT_EQUAL(a->evidence[i].sum, b->evidence[i].sum);
        CU_ASSERT_EQUAL(a->evidence[i].weight, b->evidence[i].weight);
        CU_ASSERT_EQUAL(a->evidence[i].at_ms, b->evidence[i].at_ms);
    }
    for (int i = 0; i < COMPONENTS; i++) {
        CU_ASSERT_EQUAL(a->components[i], b->components[i]);
        CU_ASSERT_EQUAL(a->weights[i], b->weights[i]);
    }
    CU_ASSERT_EQUAL(a->stated, b->stated);
    CU_ASSERT_EQUAL(a->own_weights, b->own_weights);
    CU_ASSERT_EQUAL(a->stated_at_ms, b->stated_at_ms);
    CU_ASSERT_EQUAL(a->last_event_ms, b->last_event_ms);
    CU_ASSERT_EQUAL(a->updated_at_ms, b->updated_at_ms);
    CU_ASSERT_EQUAL(a->samples, b->samples);
    CU_ASSERT_EQUAL(a->exercises, b->exercises);
    CU_ASSERT_EQUAL(a->quizzes, b->quizzes);
    CU_ASSERT_EQUAL(a->revision, b->revision);
}

static void unpacking_restores_each_bit(void)
{
    struct mastery_state s = full_state(), got;
    unsigned char room[STATE_PACKED_MAX];

    for (int flags = 0; flags < 4; flags++) {
        s.stated = flags & 1;
        s.own_weights = flags & 2;
        CU_ASSERT_TRUE_FATAL(state_unpack(packed_of(&s, room), &got));
        assert_equal_states(&s, &got);
    }
}

static void the_first_byte_is_the_version(void)
{
    struct mastery_state s = full_state(), got;
    unsigned char room[STATE_PACKED_MAX];
    struct str packed = packed_of(&s, room);

    CU_ASSERT_EQUAL(room[0], STATE_SCHEMA);
    room[0]++;
    CU_ASSERT_FALSE(state_unpack(packed, &got));
}

/* The sanitizers report a read before or after the text. */
static void any_other_length_is_refused(void)
{
    struct mastery_state s = full_state(), got;
    unsigned char room[STATE_PACKED_MAX + 1] = {0};
    struct str packed = packed_of(&s, room);

    for (size_t n = 0; n <= packed.n + 1; n++) {
        struct str part = {packed.p, n};

        CU_ASSERT_EQUAL(state_unpack(part, &got), n == packed.n);
    }
    CU_ASSERT_FALSE(state_unpack((struct str){NULL, 0}, &got));
}

static void a_refused_state_leaves_the_result_untouched(void)
{
    struct mastery_state s = full_state(), got = full_state();

    got.day = 1;
    CU_ASSERT_FALSE(state_unpack(STR("?"), &got));
    CU_ASSERT_EQUAL(got.day, 1);
    s.components[0] = 2;
    CU_ASSERT_FALSE(unpacks(&s));
}

static void impossible_evidence_is_refused(void)
{
    static const struct {
        double sum, weight;
        bool good;
    } rows[] = {
        {0, 0, true},
        {0, 1, true},
        {1, 1, true},
        {1e-320, 0, true},
        {1.0001, 1, false},
        {-1e-9, 1, false},
        {0, -1, false},
        {(double)NAN, 1, false},
        {0, (double)NAN, false},
        {(double)INFINITY, (double)INFINITY, false},
        {1, (double)INFINITY, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int c = 0; c < EVIDENCE_COMPONENTS; c++) {
            struct mastery_state s = full_state();

            s.evidence[c].sum = rows[i].sum;
            s.evidence[c].weight = rows[i].weight;
            CU_ASSERT_EQUAL(unpacks(&s), rows[i].good);
        }
    }
}

static void shares_outside_of_0_to_1_are_refused(void)
{
    static const double bad[] = {-1e-9, 1.01, (double)NAN, (double)INFINITY, (double)-INFINITY};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (int c = 0; c < COMPONENTS; c++) {
            struct mastery_state s = full_state();

            s.components[c] = bad[i];
            CU_ASSERT_FALSE(unpacks(&s));
            s = full_state();
            s.weights[c] = bad[i];
            CU_ASSERT_FALSE(unpacks(&s));
        }
    }
}

static void an_impossible_day_is_refused(void)
{
    static const int32_t bad[] = {INT32_MIN, -1000000, 10000000, INT32_MAX};
    struct mastery_state s = full_state();

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        s.day = bad[i];
        CU_ASSERT_FALSE(unpacks(&s));
    }
    s.day = 0;
    CU_ASSERT_TRUE(unpacks(&s));
}

/* ---- the short form ---- */

/* A state as it is after an ordinary day: no statement, two components. */
static struct mastery_state usual_state(void)
{
    struct mastery_state s;

    mastery_state_init(&s);
    s.day = 20700;
    s.active_days = 0x1ffff;
    s.evidence[0] = (struct evidence){3.123456789, 4.2, INT64_C(20700) * 86400000 + 40000000};
    s.evidence[1] = (struct evidence){0.7, 1, INT64_C(20690) * 86400000 + 40000000};
    s.last_event_ms = s.updated_at_ms = INT64_C(20700) * 86400000 + 40000000;
    s.samples = 5;
    s.quizzes = 2;
    s.revision = 321;
    return s;
}

static void the_short_form_restores_each_bit(void)
{
    struct mastery_state states[] = {full_state(), usual_state(), usual_state(), usual_state()};
    struct mastery_state got;
    unsigned char room[STATE_SHORT_MAX];
    size_t n;

    memcpy(states[1].weights, default_weights, sizeof(states[1].weights));
    states[2].day = 0;
    states[2].components[3] = -0.0;
    mastery_state_init(&states[3]);
    states[3].day = UINT16_MAX;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        n = state_pack_short(&states[i], room);
        CU_ASSERT_TRUE(n > 0 && n <= STATE_SHORT_MAX);
        CU_ASSERT_TRUE_FATAL(
            state_unpack_short((struct str){(const char *)room, n}, states[i].day, &got));
        assert_equal_states(&states[i], &got);
    }
    CU_ASSERT_TRUE(state_pack_short(&states[1], room) <= 70);
}

static void a_day_outside_of_two_bytes_has_no_short_form(void)
{
    struct mastery_state s = usual_state();
    unsigned char room[STATE_SHORT_MAX];

    s.day = -1;
    CU_ASSERT_EQUAL(state_pack_short(&s, room), 0);
    s.day = UINT16_MAX + 1;
    CU_ASSERT_EQUAL(state_pack_short(&s, room), 0);
}

/* The sanitizers report a read after the text. */
static void a_damaged_short_form_is_refused(void)
{
    struct mastery_state s = full_state(), got;
    unsigned char room[STATE_SHORT_MAX + 1] = {0};
    size_t n = state_pack_short(&s, room);

    for (size_t i = 0; i <= n + 1; i++)
        CU_ASSERT_EQUAL(state_unpack_short((struct str){(const char *)room, i}, s.day, &got),
                        i == n);
    room[0]++;
    CU_ASSERT_FALSE(state_unpack_short((struct str){(const char *)room, n}, s.day, &got));
    s.components[0] = 2;
    n = state_pack_short(&s, room);
    CU_ASSERT_FALSE(state_unpack_short((struct str){(const char *)room, n}, s.day, &got));
}

/* ---- packed events ---- */

static void a_packed_event_comes_back_and_is_short(void)
{
    static const char *const texts[] = {
        "{\"event_id\":\"6b0c4a1e-52d7-4c50-9d5f-3c1d6f0a8e21\",\"event_type\":\"quiz.completed\","
        "\"student_id\":\"s\",\"timestamp\":\"2026-09-04T10:00:00.000Z\",\"data\":{\"quiz_id\":"
        "\"loops-quiz\",\"score\":0.7,\"questions_total\":10,\"questions_correct\":7,"
        "\"time_spent_seconds\":420}}",
        "{\"student_id\":\"other\"}", "\"student_id\":\"s\",", "{}", ""};
    struct arena *arena = arena_new(4096, 1 << 20);
    struct str packed, text;

    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        packed = event_pack(arena, STR("s"), 20700, str_of(texts[i]));
        CU_ASSERT_PTR_NOT_NULL_FATAL(packed.p);
        CU_ASSERT_TRUE(i > 0 || packed.n < 90);
        CU_ASSERT_TRUE_FATAL(event_unpack(arena, STR("s"), packed, &text));
        CU_ASSERT_TRUE(str_equal(text, str_of(texts[i])));
    }
    arena_free(arena);
}

static void a_damaged_event_is_refused(void)
{
    struct arena *arena = arena_new(4096, 1 << 20);
    struct str packed, text;

    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
    packed = event_pack(arena, STR("s"), 20700, STR("{\"student_id\":\"s\",\"a\":1}"));
    for (size_t n = 0; n < packed.n; n++)
        CU_ASSERT_FALSE(event_unpack(arena, STR("s"), (struct str){packed.p, n}, &text));
    CU_ASSERT_FALSE(event_unpack(arena, STR("s"), STR("\x02xxxx"), &text));
    arena_free(arena);
}

void student_state_tests(void)
{
    CU_pSuite suite = CU_add_suite("student_state", NULL, NULL);

    CU_add_test(suite, "what is packed comes back to the last bit", unpacking_restores_each_bit);
    CU_add_test(suite, "the first byte is the version", the_first_byte_is_the_version);
    CU_add_test(suite, "any other length is refused", any_other_length_is_refused);
    CU_add_test(suite, "a refused state leaves the result untouched",
                a_refused_state_leaves_the_result_untouched);
    CU_add_test(suite, "evidence that cannot be is refused", impossible_evidence_is_refused);
    CU_add_test(suite, "shares outside of 0 to 1 are refused",
                shares_outside_of_0_to_1_are_refused);
    CU_add_test(suite, "a day that no clock shows is refused", an_impossible_day_is_refused);
    CU_ADD_TEST(suite, the_short_form_restores_each_bit);
    CU_ADD_TEST(suite, a_day_outside_of_two_bytes_has_no_short_form);
    CU_ADD_TEST(suite, a_damaged_short_form_is_refused);
    CU_ADD_TEST(suite, a_packed_event_comes_back_and_is_short);
    CU_ADD_TEST(suite, a_damaged_event_is_refused);
}

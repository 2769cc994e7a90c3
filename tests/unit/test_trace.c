/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include <CUnit/CUnit.h>

#include "app/base/str.h"
#include "app/obs/trace.h"

void trace_tests(void);

#define ID     "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"

enum { NEW = -1 };

/* flags: those of the continued trace, or NEW for a traceparent that is not continued. */
static const struct {
    const char *traceparent;
    int flags;
} traceparents[] = {
    {"00-" ID "-" PARENT "-00", 0},
    {"00-" ID "-" PARENT "-01", 1},
    {"00-" ID "-" PARENT "-02", 2},
    {"00-" ID "-" PARENT "-03", 3},
    {"00-" ID "-" PARENT "-ff", 3},
    {"00-" ID "-" PARENT "-fc", 0},
    {"00-" ID "-" PARENT "-0d", 1},
    {"01-" ID "-" PARENT "-01", 1},
    {"cc-" ID "-" PARENT "-01", 1},
    {"cc-" ID "-" PARENT "-01-what-the-future-adds", 1},
    {"cc-" ID "-" PARENT "-01-", 1},
    {"fe-" ID "-" PARENT "-00", 0},
    {"00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-01", 1},
    {"00-00000000000000000000000000000001-0000000000000001-01", 1},
    {"", NEW},
    {"00", NEW},
    {"00-" ID "-" PARENT "-", NEW},
    {"00-" ID "-" PARENT "-0", NEW},
    {"00-" ID "-" PARENT "-01-", NEW},
    {"00-" ID "-" PARENT "-01-more", NEW},
    {"00-" ID "-" PARENT "-01 ", NEW},
    {" 00-" ID "-" PARENT "-01", NEW},
    {"cc-" ID "-" PARENT "-01.more", NEW},
    {"cc-" ID "-" PARENT "-011", NEW},
    {"01-" ID "-" PARENT "-01,01-" ID "-" PARENT "-01", NEW},
    {"00-" ID "-" PARENT "-01,00-" ID "-" PARENT "-01", NEW},
    {"ff-" ID "-" PARENT "-01", NEW},
    {"FF-" ID "-" PARENT "-01", NEW},
    {"0g-" ID "-" PARENT "-01", NEW},
    {"0-" ID "-" PARENT "-001", NEW},
    {"00-00000000000000000000000000000000-" PARENT "-01", NEW},
    {"00-" ID "-0000000000000000-01", NEW},
    {"00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01", NEW},
    {"00-" ID "-B7AD6B7169203331-01", NEW},
    {"00-" ID "-" PARENT "-0A", NEW},
    {"00-" ID "-" PARENT "-0x", NEW},
    {"00-.af7651916cd43dd8448eb211c80319c-" PARENT "-01", NEW},
    {"00-" ID "-b7ad6b716920333\xe9-01", NEW},
    {"00_" ID "-" PARENT "-01", NEW},
    {"00-" ID "_" PARENT "-01", NEW},
    {"00-" ID "-" PARENT "_01", NEW},
};

static void traceparent_is_continued_only_when_valid(void)
{
    for (size_t i = 0; i < sizeof(traceparents) / sizeof(traceparents[0]); i++) {
        const struct str text = str_of(traceparents[i].traceparent);
        const int flags = traceparents[i].flags;
        struct trace trace;

        trace_begin(&trace, text, STR("a=1"));
        if (trace.continued != (flags != NEW))
            CU_FAIL(traceparents[i].traceparent);
        CU_ASSERT_EQUAL(trace.state.n, flags == NEW ? 0 : 3);
        CU_ASSERT_EQUAL(trace.flags, flags == NEW ? 2 : flags);
        if (flags != NEW)
            CU_ASSERT(memcmp(trace.trace_id, text.p + 3, 32) == 0);
        CU_ASSERT_EQUAL(strlen(trace.trace_id), 32);
        CU_ASSERT_EQUAL(strlen(trace.span_id), 16);
    }
}

static void a_text_that_ends_early_is_not_read_beyond_its_end(void)
{
    static const char whole[] = "cc-" ID "-" PARENT "-01";

    for (size_t n = 0; n < sizeof(whole) - 1; n++) {
        char *exact = malloc(n + 1); /* AddressSanitizer watches the end */
        struct trace trace;

        CU_ASSERT_FATAL(exact != NULL);
        memcpy(exact, whole, n);
        trace_begin(&trace, (struct str){exact, n}, (struct str){NULL, 0});
        CU_ASSERT_FALSE(trace.continued);
        free(exact);
    }
}

static bool all_hex(const char *text)
{
    return strspn(text, "0123456789abcdef") == strlen(text);
}

static void a_new_trace_has_random_ids_and_the_random_flag(void)
{
    struct trace a, b;

    trace_begin(&a, STR(""), STR("a=1"));
    trace_begin(&b, STR(""), STR(""));
    CU_ASSERT_FALSE(a.continued);
    CU_ASSERT_EQUAL(a.flags, 2);
    CU_ASSERT_EQUAL(a.state.n, 0);
    CU_ASSERT(all_hex(a.trace_id) && all_hex(a.span_id));
    CU_ASSERT_STRING_NOT_EQUAL(a.trace_id, b.trace_id);
    CU_ASSERT_STRING_NOT_EQUAL(a.span_id, b.span_id);
}

static void a_continued_trace_has_a_span_of_its_own(void)
{
    const struct str from = STR("00-" ID "-" PARENT "-01");
    struct trace a, b;

    trace_begin(&a, from, STR(""));
    trace_begin(&b, from, STR(""));
    CU_ASSERT_STRING_EQUAL(a.trace_id, ID);
    CU_ASSERT_STRING_NOT_EQUAL(a.span_id, PARENT);
    CU_ASSERT_STRING_NOT_EQUAL(a.span_id, b.span_id);
}

static void it_is_printed_as_version_00_with_our_span(void)
{
    char text[TRACEPARENT_SIZE], expected[TRACEPARENT_SIZE];
    struct trace trace;

    trace_begin(&trace, STR("cc-" ID "-" PARENT "-ff-new"), STR(""));
    trace_print(&trace, text);
    (void)snprintf(expected, sizeof(expected), "00-" ID "-%s-03", trace.span_id);
    CU_ASSERT_STRING_EQUAL(text, expected);

    trace_begin(&trace, STR(""), STR(""));
    trace_print(&trace, text);
    (void)snprintf(expected, sizeof(expected), "00-%s-%s-02", trace.trace_id, trace.span_id);
    CU_ASSERT_STRING_EQUAL(text, expected);
}

static const struct {
    const char *state;
    bool kept;
} states[] = {
    {"foo=1", true},
    {"foo=1,bar=2", true},
    {"foo=1 \t , \t bar=2, \t baz=3", true},
    {"foo=1,", true},
    {",foo=1,,bar=2", true},
    {"foo=1,foo=2", true},
    {"a-_*/@z0=1", true},
    {"0=1", true},
    {"foo@=1", true},
    {"foo= 1", true},
    {"foo=~!\"#$%&'()*+-./:;<>?@[\\]^_`{|}", true},
    {"", false},
    {" ", false},
    {",", false},
    {"foo", false},
    {"foo=", false},
    {"foo= ", false},
    {"=1", false},
    {"Foo=1", false},
    {"foo =1", false},
    {"foo.bar=1", false},
    {"@foo=1", false},
    {"_foo=1", false},
    {"foo=1=2", false},
    {"foo=1,bar", false},
    {"foo=1;bar=2,BAZ", false},
    {"foo=\x01", false},
    {"foo=a\tb", false},
    {"foo=\xc3\xa9", false},
    {"foo=\x7f", false},
};

static void a_bad_tracestate_is_dropped_alone(void)
{
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        const struct str state = str_of(states[i].state);
        struct trace trace;

        trace_begin(&trace, STR("00-" ID "-" PARENT "-01"), state);
        CU_ASSERT(trace.continued);
        const bool passed = str_equal(trace.state, states[i].kept ? state : STR(""));
        if (!passed)
            CU_FAIL(states[i].state);
        CU_ASSERT(passed);
    }
}

static size_t put_member(char *text, size_t at, const char *key, size_t length)
{
    if (at > 0)
        text[at++] = ',';
    const size_t key_length = strlen(key);
    memcpy(text + at, key, key_length);
    text[at + key_length] = '=';
    memset(text + at + key_length + 1, 'v', length - key_length - 1);
    return at + length;
}

static struct str continued_state(struct trace *trace, const char *text, size_t n)
{
    trace_begin(trace, STR("00-" ID "-" PARENT "-01"), (struct str){text, n});
    return trace->state;
}

static void tracestate_has_32_members_at_most(void)
{
    char text[200];
    struct trace trace;
    size_t n = 0;

    for (int i = 0; i < 32; i++)
        n = put_member(text, n, "k", 3);
    CU_ASSERT_EQUAL(continued_state(&trace, text, n).n, n);
    CU_ASSERT_EQUAL(continued_state(&trace, text, put_member(text, n, "k", 3)).n, 0);
    text[n] = ',';
    CU_ASSERT_EQUAL(continued_state(&trace, text, n + 1).n, 0);
}

static void tracestate_keys_and_values_have_256_characters_at_most(void)
{
    char text[600], key[258];
    struct trace trace;

    memset(key, 'k', sizeof(key));
    key[256] = '\0';
    CU_ASSERT_EQUAL(continued_state(&trace, text, put_member(text, 0, key, 258)).n, 258);
    key[256] = 'k';
    key[257] = '\0';
    CU_ASSERT_EQUAL(continued_state(&trace, text, put_member(text, 0, key, 259)).n, 0);
    CU_ASSERT_EQUAL(continued_state(&trace, text, put_member(text, 0, "k", 258)).n, 258);
    CU_ASSERT_EQUAL(continued_state(&trace, text, put_member(text, 0, "k", 259)).n, 0);
}

/* The lengths of the members, and letters for the positions of those that remain. */
static const struct {
    size_t lengths[8];
    const char *kept;
} cuts[] = {
    {{128, 128, 128, 125}, "abcd"},      /* 512 with the commas: nothing to cut */
    {{128, 128, 128, 126}, "abc"},       /* 513: from the right */
    {{200, 100, 100, 100, 100}, "bcde"}, /* the long one first, wherever it stands */
    {{100, 200, 100, 200}, "abc"},       /* no more long ones than needed */
    {{129, 129, 100, 100, 100}, "acde"}, /* 129 is long */
    {{128, 128, 128, 128, 10}, "abc"},   /* 128 is not */
    {{200, 200, 200}, "ab"},             /* only long ones */
    {{128, 128, 128, 125, 10}, "abcd"},  /* 512 are left */
    {{100, 100, 100, 100, 100, 100}, "abcde"},
};

static void a_long_tracestate_loses_whole_members(void)
{
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        char text[1024], expected[1024], keys[16];
        struct trace trace;
        size_t n = 0, expected_n = 0;

        for (size_t j = 0; cuts[i].lengths[j] > 0; j++) {
            const char key[] = {(char)('a' + (int)j), '\0'};
            keys[j] = key[0];
            n = put_member(text, n, key, cuts[i].lengths[j]);
            if (strchr(cuts[i].kept, keys[j]))
                expected_n = put_member(expected, expected_n, key, cuts[i].lengths[j]);
        }
        const struct str state = continued_state(&trace, text, n);
        CU_ASSERT(str_equal(state, (struct str){expected, expected_n}));
        CU_ASSERT(state.n <= TRACESTATE_MAX);
    }
}

void trace_tests(void)
{
    CU_Suite *suite = CU_add_suite("trace", NULL, NULL);

    CU_add_test(suite, "traceparent is continued only when valid",
                traceparent_is_continued_only_when_valid);
    CU_add_test(suite, "a text that ends early is not read beyond its end",
                a_text_that_ends_early_is_not_read_beyond_its_end);
    CU_add_test(suite, "a new trace has random ids and the random flag",
                a_new_trace_has_random_ids_and_the_random_flag);
    CU_add_test(suite, "a continued trace has a span of its own",
                a_continued_trace_has_a_span_of_its_own);
    CU_add_test(suite, "it is printed as version 00 with our span",
                it_is_printed_as_version_00_with_our_span);
    CU_add_test(suite, "a bad tracestate is dropped alone", a_bad_tracestate_is_dropped_alone);
    CU_add_test(suite, "tracestate has 32 members at most", tracestate_has_32_members_at_most);
    CU_add_test(suite, "tracestate keys and values have 256 characters at most",
                tracestate_keys_and_values_have_256_characters_at_most);
    CU_add_test(suite, "a long tracestate loses whole members",
                a_long_tracestate_loses_whole_members);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* xAPI statements: forms of texts, mapping to events, equality. */
#include "app/ingest/xapi.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

#include "app/base/clock.h"
#include "app/http/json.h"
#include "app/ingest/xapi_form.h"
#include "app/ingest/xapi_text.h"

void xapi_tests(void);

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const int64_t now_ms = INT64_C(1769860800000); /* 2026-01-31T12:00:00Z */
static const struct xapi_request request = {.now_ms = INT64_C(1769860800000),
                                            .identity = STR_INIT("a request")};
static struct arena *arena;

static int open_arena(void)
{
    arena = arena_new(65536, 8 << 20);
    return arena == NULL;
}

static int close_arena(void)
{
    arena_free(arena);
    return 0;
}

static void durations_are_those_of_iso_8601(void)
{
    static const struct {
        const char *text;
        double seconds; /* < 0: refused */
    } rows[] = {
        {"PT1H30M", 5400},
        {"PT0.5S", 0.5},
        {"PT0S", 0},
        {"P1W", 604800},
        {"P1.5W", 907200},
        {"P1D", 86400},
        {"P1Y2M3DT4H5M6.25S", 31536000 + 2 * 2592000 + 3 * 86400 + 4 * 3600 + 5 * 60 + 6.25},
        {"P1M", 2592000},
        {"PT1M", 60},
        {"PT1.5M", 90},
        {"P0.5D", 43200},
        {"", -1},
        {"P", -1},
        {"PT", -1},
        {"P1", -1},
        {"PT1", -1},
        {"P1DT", -1},
        {"1h", -1},
        {"XP1D", -1},
        {"p1d", -1},
        {"P1H", -1},
        {"PT1D", -1},
        {"PT1S1M", -1},
        {"PT1M1M", -1},
        {"P1W1D", -1},
        {"P1D1W", -1},
        {"PT1.5M1S", -1},
        {"PT.5S", -1},
        {"PT5.S", -1},
        {"PT1.5.5S", -1},
        {"PT-1S", -1},
        {"P-1D", -1},
        {"-P1D", -1},
        {"P0001-01-01", -1},
        {"PT1S ", -1},
        {"PTT1S", -1},
        {"P1DT1H1", -1},
        {"PT99999999999999999999S", -1},
        {"PT17.548000000000002S", 17.548},
        {"PT0.0006666666666666666S", 0},
        {"PT1H0M3.7100000000000364S", 3603.71},
        {"PT123456.123456789S", 123456.123},
        {"PT1,5S", 1.5},
        {"PT1,5,5S", -1},
        {"PT1H42M9.3e-13S", -1},
        {"P1DT0.1S", 86400.1},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        double seconds = -1;

        CU_ASSERT_EQUAL(xapi_parse_duration(str_of(rows[i].text), &seconds), rows[i].seconds >= 0);
        CU_ASSERT_DOUBLE_EQUAL(seconds, rows[i].seconds, 1e-9);
    }
}

static void times_need_no_zone(void)
{
    static const struct {
        const char *text;
        int64_t at_ms; /* 0: refused */
    } rows[] = {
        {"2026-01-31T12:00:00Z", INT64_C(1769860800000)},
        {"2026-01-31T12:00:00", INT64_C(1769860800000)},
        {"2026-01-31T12:00:00.5", INT64_C(1769860800500)},
        {"2026-01-31T13:00:00+01:00", INT64_C(1769860800000)},
        {"2026-01-31T12:00:00-00:00", 0},
        {"2026-01-31", 0},
        {"2026-02-31T12:00:00Z", 0},
        {"", 0},
        {"2026-01-31T12:00:00.000000000000000000000000000000000", INT64_C(1769860800000)},
        {"2026-01-31T12:00Z", INT64_C(1769860800000)},
        {"2026-01-31T12:00:00+00", INT64_C(1769860800000)},
        {"2026-01-31T13:00:00+01", INT64_C(1769860800000)},
        {"2026-01-31T10:30-01:30", INT64_C(1769860800000)},
        {"20260131T120000Z", INT64_C(1769860800000)},
        {"20260131T1200", INT64_C(1769860800000)},
        {"20260131T130000+0100", INT64_C(1769860800000)},
        {"2026-01-31T12:00:00,250Z", INT64_C(1769860800250)},
        {"2026-01-31T12:00:00.123456789012Z", INT64_C(1769860800123)},
        {"2026-01-31T12:00:00+0000", 0},
        {"20260131T120000+00:00", 0},
        {"2026-01-31T120000Z", 0},
        {"20260131T12:00:00Z", 0},
        {"2026-01-31T12:00:00-00", 0},
        {"20260131T120000-0000", 0},
        {"2026-01-31T12:00:00.Z", 0},
        {"2026-01-31T12:00:60.5Z", INT64_C(1769860859999)},
        {"2026-01-31T12:00:00+24:00", 0},
        {"2026-01-31T12:00:00+01:60", 0},
        {"2026-01-31T25:00:00Z", 0},
        {"2026-01-31t12:00:00z", INT64_C(1769860800000)},
        {"2026-01-31_12:00:00Z", 0},
        /* hours or minutes with a fraction or without what follows them, and midnight as 24:00 */
        {"2026-01-31T12Z", INT64_C(1769860800000)},
        {"2026-01-31T12", INT64_C(1769860800000)},
        {"20260131T13+01", INT64_C(1769860800000)},
        {"2026-01-31T11,75Z", INT64_C(1769859900000)},
        {"2026-01-31T11:59.5Z", INT64_C(1769860770000)},
        {"2026-01-30T24:00:00Z", INT64_C(1769817600000)},
        {"2026-01-30T24Z", INT64_C(1769817600000)},
        {"2026-01-30T24:00:01Z", 0},
        {"2026-01-30T24:00:00.5Z", 0},
        {"2026-01-31T12:60Z", 0},
        {"2026-01-31T12:00:61Z", 0},
        {"2026-01-31T1Z", 0},
        {"2026-01-31T12:5Z", 0},
        {"2026-01-31TZ", 0},
        /* the day of the year, and of the week: Saturday of week 5 */
        {"2026-031T12:00:00Z", INT64_C(1769860800000)},
        {"2026031T12Z", INT64_C(1769860800000)},
        {"2026-W05-6T12:00:00Z", INT64_C(1769860800000)},
        {"2026W056T120000Z", INT64_C(1769860800000)},
        {"2024-366T00Z", INT64_C(1735603200000)},
        {"2020-W53-7T00Z", INT64_C(1609632000000)},
        {"2026-366T12Z", 0},
        {"2026-000T12Z", 0},
        {"2021-W53-1T12Z", 0},
        {"2026-W00-1T12Z", 0},
        {"2026-W05-8T12Z", 0},
        {"2026-W05-0T12Z", 0},
        {"2026-W05T12Z", 0},
        {"2026-W056T12Z", 0},
        {"2026-1T12Z", 0},
        {"9999-365T12Z", 0},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t at_ms = 0;

        CU_ASSERT_EQUAL(xapi_parse_time(str_of(rows[i].text), &at_ms), rows[i].at_ms != 0);
        CU_ASSERT_EQUAL(at_ms, rows[i].at_ms);
    }
}

static void versions_are_1_0_and_2_0(void)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {{"1.0", true},     {"1.0.0", true},  {"1.0.3", true}, {"1.0.10", true},
                {"", false},       {"1", false},     {"1.0.", false}, {"1.0.x", false},
                {"1.0.-1", false}, {"1.1.0", false}, {"2.0.0", true}, {"2.0.x", false},
                {"1.0.3 ", false}};

    for (size_t i = 0; i < COUNT(rows); i++)
        CU_ASSERT_EQUAL(xapi_version_supported(str_of(rows[i].text)), rows[i].good);
}

static const char *fields_of(const struct problem *p)
{
    static char text[2048];
    size_t n = 0;

    text[0] = '\0';
    for (const struct field_error *e = p->fields; e; e = e->next)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", n > 0 ? " " : "",
                              STR_ARG(e->field));
    return text;
}

static bool read_statement(const char *json, struct xapi_event *ret, struct problem *p)
{
    const struct binding binding = {arena, p};
    struct problem ignored = {0};
    struct json_object *statement = json_parse(str_of(json), arena, &ignored);

    CU_ASSERT_EQUAL_FATAL(ignored.code, PROBLEM_NONE);
    return xapi_parse(statement, NULL, &request, &binding, ret);
}

#define ID         "\"id\":\"fd41c918-b88b-4b20-a0a5-a4c32391aaa0\""
#define ACTOR      "\"actor\":{\"account\":{\"homePage\":\"https://l.example\",\"name\":\"s_1\"}}"
#define VERB(name) "\"verb\":{\"id\":\"http://adlnet.gov/expapi/verbs/" name "\"}"
#define OBJECT(type)                                                                               \
    "\"object\":{\"id\":\"https://l.example/1\",\"definition\":{\"type\":"                         \
    "\"http://adlnet.gov/expapi/activities/" type "\"}}"
#define UNTYPED                       "\"object\":{\"id\":\"https://l.example/1\"}"
#define TIME                          "\"timestamp\":\"2026-01-31T11:00:00Z\""
#define STATEMENT(verb, object, more) "{" ID "," ACTOR "," VERB(verb) "," object "," TIME more "}"
#define RESULT(inside)                ",\"result\":{" inside "}"

/* clang-format off */
static const struct mapped {
    const char *json;
    const char *data; /* of the event, as it is kept */
    enum event_type type;
} mapped[] = {
    {STATEMENT("passed", OBJECT("assessment"), ""),
     "{\"quiz_id\":\"https://l.example/1\",\"score\":1,\"questions_total\":10,\"questions_correct\":10,\"time_spent_seconds\":0}", QUIZ_COMPLETED},
    {STATEMENT("failed", OBJECT("assessment"), RESULT("\"duration\":\"PT1M30S\"")),
     "{\"quiz_id\":\"https://l.example/1\",\"score\":0,\"questions_total\":10,\"questions_correct\":0,\"time_spent_seconds\":90}", QUIZ_COMPLETED},
    {STATEMENT("completed", OBJECT("assessment"), RESULT("\"score\":{\"raw\":3,\"min\":1,\"max\":4}")),
     "{\"quiz_id\":\"https://l.example/1\",\"score\":0.666666666667,\"questions_total\":10,\"questions_correct\":7,\"time_spent_seconds\":0}", QUIZ_COMPLETED},
    {STATEMENT("failed", OBJECT("assessment"), RESULT("\"score\":{\"scaled\":-1}")),
     "{\"quiz_id\":\"https://l.example/1\",\"score\":0,\"questions_total\":10,\"questions_correct\":0,\"time_spent_seconds\":0}", QUIZ_COMPLETED},
    {STATEMENT("scored", UNTYPED, RESULT("\"score\":{\"scaled\":0.25},\"extensions\":{\"https://l.example/xapi/extensions/questions_total\":4,\"http://x/xapi/extensions/difficulty\":\"easy\"}")),
     "{\"quiz_id\":\"https://l.example/1\",\"score\":0.25,\"questions_total\":4,\"questions_correct\":1,\"time_spent_seconds\":0,\"difficulty\":\"easy\"}", QUIZ_COMPLETED},
    {STATEMENT("completed", OBJECT("lesson"), ""),
     "{\"lesson_id\":\"https://l.example/1\",\"duration_seconds\":0,\"completion_percentage\":100}", LESSON_VIEWED},
    {STATEMENT("experienced", UNTYPED, RESULT("\"extensions\":{\"https://w3id.org/xapi/video/extensions/progress\":0.07}")),
     "{\"lesson_id\":\"https://l.example/1\",\"duration_seconds\":0,\"completion_percentage\":7}", LESSON_VIEWED},
    {STATEMENT("attempted", OBJECT("course"), RESULT("\"extensions\":{\"https://w3id.org/xapi/cmi5/result/extensions/progress\":40}")),
     "{\"lesson_id\":\"https://l.example/1\",\"duration_seconds\":0,\"completion_percentage\":40}", LESSON_VIEWED},
    {STATEMENT("answered", OBJECT("question"), RESULT("\"success\":false")),
     "{\"exercise_id\":\"https://l.example/1\",\"difficulty\":\"medium\",\"time_spent_seconds\":0,\"completion_rate\":1,\"correctness\":0}", EXERCISE_COMPLETED},
    {STATEMENT("answered", UNTYPED, RESULT("\"score\":{\"scaled\":0.3},\"extensions\":{\"https://x/xapi/extensions/retries\":2}")),
     "{\"exercise_id\":\"https://l.example/1\",\"difficulty\":\"medium\",\"time_spent_seconds\":0,\"completion_rate\":1,\"correctness\":0.3,\"retries\":2}", EXERCISE_COMPLETED},
    {STATEMENT("scored", OBJECT("lesson"), RESULT("\"extensions\":{\"https://x/xapi/extensions/code_quality_score\":0.1,\"https://x/xapi/extensions/correctness_score\":0.2,\"https://x/xapi/extensions/efficiency_score\":0.3}")),
     "{\"submission_id\":\"https://l.example/1\",\"code_quality_score\":0.1,\"correctness_score\":0.2,\"efficiency_score\":0.3}", QUALITY_ASSESSED},
};

static const struct refused {
    const char *json, *fields;
} refused[] = {
    {"{}", "actor verb object"},
    {"5", "body"},
    {STATEMENT("passed", OBJECT("assessment"), ",\"Result\":{}"), "Result"},
    {STATEMENT("passed", OBJECT("assessment"), ",\"result\":null"), "result"},
    {STATEMENT("passed", OBJECT("assessment"), RESULT("\"score\":{\"scaled\":2,\"raw\":9,\"min\":5,\"max\":1},\"success\":1,\"duration\":\"P\"")),
     "result.score.scaled result.score.min result.score.raw result.success result.duration"},
    {STATEMENT("passed", OBJECT("assessment"), RESULT("\"extensions\":{\"bad\":null}")), "result.extensions"},
    {"{" ID ",\"actor\":{\"openid\":\"u:x\"}," VERB("passed") "," OBJECT("assessment") "}", "actor.account"},
    {"{" ID ",\"actor\":{\"mbox\":\"mailto:a!b@c\"}," VERB("passed") "," OBJECT("assessment") "}", "actor.mbox"},
    {"{" ID ",\"actor\":{\"mbox\":\"mailto:a@b\",\"openid\":\"u:x\"}," VERB("passed") "," OBJECT("assessment") "}", "actor"},
    {"{" ID "," ACTOR "," VERB("passed") "," OBJECT("assessment") ",\"timestamp\":\"2025-01-01T00:00:00\"}", "timestamp"},
};
/* clang-format on */

/* Valid statements that become no event. */
static const char *const ignored_statements[] = {
    STATEMENT("liked", OBJECT("assessment"), ""),
    STATEMENT("Passed", OBJECT("assessment"), ""),
    STATEMENT("initialized", UNTYPED, ""),
    STATEMENT("attempted", OBJECT("lesson"), ""),
    STATEMENT("answered", OBJECT("question"), ""),
    STATEMENT("answered", OBJECT("lesson"), RESULT("\"success\":true")),
    STATEMENT("scored", UNTYPED, ""),
    STATEMENT("scored", UNTYPED,
              RESULT("\"extensions\":{\"https://x/xapi/extensions/efficiency_score\":0.2}")),
    STATEMENT("attempted", UNTYPED,
              RESULT("\"extensions\":{\"http://vendor.example/ext/progress\":40}")),
};

static void other_statements_are_ignored(void)
{
    for (size_t i = 0; i < COUNT(ignored_statements); i++) {
        struct problem p = {0};
        struct xapi_event event;

        CU_ASSERT_TRUE(read_statement(ignored_statements[i], &event, &p));
        CU_ASSERT_TRUE(event.ignored);
        CU_ASSERT_TRUE(str_equal(event.input.student, STR("s_1")));
    }
}

static void statements_become_the_events_of_the_table(void)
{
    for (size_t i = 0; i < COUNT(mapped); i++) {
        struct problem p = {0};
        struct xapi_event event;

        CU_ASSERT_TRUE_FATAL(read_statement(mapped[i].json, &event, &p));
        CU_ASSERT_EQUAL(event.input.type, mapped[i].type);
        CU_ASSERT_TRUE(str_equal(event.input.student, STR("s_1")));
        CU_ASSERT_TRUE(str_equal(event.id, STR("fd41c918-b88b-4b20-a0a5-a4c32391aaa0")));
        CU_ASSERT_EQUAL(event.input.event.at_ms, now_ms - 3600000);
        CU_ASSERT_STRING_EQUAL(
            json_object_to_json_string_ext(event.input.data, JSON_C_TO_STRING_NOSLASHESCAPE),
            mapped[i].data);
    }
}

/* The topic ids of the event that a statement with these context activities becomes, as JSON. */
static const char *topics_of(const char *activities)
{
    struct problem p = {0};
    struct xapi_event event;
    struct json_object *ids;
    struct str json = arena_printf(arena,
                                   "{" ID "," ACTOR
                                   "," VERB("passed") "," UNTYPED "," TIME
                                                      ",\"context\":{\"contextActivities\":{%s}}}",
                                   activities);

    CU_ASSERT_TRUE_FATAL(read_statement(json.p, &event, &p));
    ids = json_object_object_get(event.input.data, "topic_ids");
    CU_ASSERT_EQUAL(event.input.event.topics.n, ids ? json_object_array_length(ids) : 0);
    return ids ? json_object_to_json_string_ext(ids, 0) : "";
}

static void context_activities_name_topics(void)
{
    static const struct {
        const char *activities, *topics;
    } rows[] = {
        {"", ""},
        {"\"parent\":{\"id\":\"https://l.example/topics/loops\"}", "[\"loops\"]"},
        {"\"category\":[{\"id\":\"https://l.example/b\"}],\"parent\":[{\"id\":\"http://x/y/"
         "a?q=1#f\"},"
         "{\"id\":\"http://z/a\"}],\"grouping\":{\"id\":\"http://x/a\"}",
         "[\"a\",\"b\"]"},
        {"\"other\":{\"id\":\"http://x/a\"}", ""},
        {"\"parent\":[{\"id\":\"http://l.example\"},{\"id\":\"http://l.example/"
         "\"},{\"id\":\"urn:isbn:12\"},"
         "{\"id\":\"http://x/a/\"},{\"id\":\"http://x/a%20b\"}]",
         ""},
        {"\"category\":{\"id\":\"https://w3id.org/xapi/cmi5/context/categories/cmi5\"}", ""},
    };
    char many[4000] = "\"grouping\":[{\"id\":\"http://x/t\"}";

    for (size_t i = 0; i < COUNT(rows); i++)
        CU_ASSERT_STRING_EQUAL(topics_of(rows[i].activities), rows[i].topics);
    for (int i = 0; i < 30; i++)
        (void)snprintf(many + strlen(many), sizeof(many) - strlen(many),
                       ",{\"id\":\"http://x/t%d\"}", i);
    CU_ASSERT_PTR_NOT_NULL(strstr(topics_of(strcat(many, "]")), "\"t18\"]")); /* 20 of 31 */
}

static void refused_statements_have_their_field_errors(void)
{
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct problem p = {0};
        struct xapi_event event;

        CU_ASSERT_FALSE(read_statement(refused[i].json, &event, &p));
        CU_ASSERT_STRING_EQUAL(fields_of(&p), refused[i].fields);
    }
}

static struct str mark_of(const char *json)
{
    struct problem p = {0};
    struct xapi_event event;

    CU_ASSERT_TRUE_FATAL(read_statement(json, &event, &p));
    return event.mark;
}

static void marks_are_equal_for_equal_statements_only(void)
{
    static const struct {
        const char *json;
        bool same;
    } rows[] = {
        {"{" TIME "," OBJECT("assessment") "," VERB("passed") "," ACTOR "," ID "}", true},
        {"{" ID "," ACTOR "," VERB("passed") "," OBJECT(
             "assessment") ",\"timestamp\":\"2026-01-31T12:00:00+01:00\",\"version\":\"1.0.0\"}",
         true},
        {"{\"id\":\"FD41C918-B88B-4B20-A0A5-A4C32391AAA0\"," ACTOR
         "," VERB("passed") "," OBJECT("assessment") "," TIME "}",
         true},
        {STATEMENT("passed", OBJECT("assessment"), ",\"stored\":\"2026-01-31T11:00:00Z\""), true},
        {STATEMENT("failed", OBJECT("assessment"), ""), false},
        {STATEMENT("passed", OBJECT("assessment"), RESULT("\"success\":true")), false},
        {STATEMENT("passed", OBJECT("assessment"), ",\"context\":{\"platform\":\"x\"}"), false},
        {"{" ID "," ACTOR "," VERB("passed") "," OBJECT("assessment") "}", true},
        {"{" ID
         ",\"actor\":{\"objectType\":\"Agent\",\"account\":{\"homePage\":\"https://l.example\","
         "\"name\":\"s_1\"}}," VERB("passed") "," OBJECT("assessment") "," TIME "}",
         true},
        {"{" ID "," ACTOR
         "," VERB("passed") "," OBJECT("assessment") ",\"timestamp\":\"2026-01-31T11:00:00.001Z\"}",
         false},
    };
    struct str first = mark_of(STATEMENT("passed", OBJECT("assessment"), ""));

    for (size_t i = 0; i < COUNT(rows); i++)
        CU_ASSERT_EQUAL(xapi_marks_equal(first, mark_of(rows[i].json)), rows[i].same);
    CU_ASSERT_TRUE(str_equal(mark_of(STATEMENT("passed", OBJECT("assessment"),
                                               RESULT("\"score\":{\"scaled\":0.5,\"raw\":1e1}"))),
                             mark_of(STATEMENT("passed", OBJECT("assessment"),
                                               RESULT("\"score\":{\"raw\":10,\"scaled\":0.50}")))));
    /* keys count inside extensions that do not count elsewhere */
    CU_ASSERT_FALSE(
        str_equal(mark_of(STATEMENT("passed", OBJECT("assessment"),
                                    RESULT("\"extensions\":{\"u:x\":{\"display\":1}}"))),
                  mark_of(STATEMENT("passed", OBJECT("assessment"),
                                    RESULT("\"extensions\":{\"u:x\":{\"display\":2}}")))));
}

#define PARENT(value)                                                                              \
    STATEMENT("passed", OBJECT("assessment"),                                                      \
              ",\"context\":{\"contextActivities\":{\"parent\":" value "}}")

static void one_context_activity_equals_the_list_of_it(void)
{
    struct str one = mark_of(PARENT("{\"id\":\"u:x\"}"));

    CU_ASSERT_TRUE(xapi_marks_equal(one, mark_of(PARENT("[{\"id\":\"u:x\"}]"))));
    CU_ASSERT_FALSE(xapi_marks_equal(one, mark_of(PARENT("[{\"id\":\"u:y\"}]"))));
    CU_ASSERT_FALSE(xapi_marks_equal(one, mark_of(PARENT("[{\"id\":\"u:x\"},{\"id\":\"u:x\"}]"))));
}

/* The id that a statement without one gets, as element `place` of a list. */
static struct str made_id(const char *json, struct xapi_request from, size_t place)
{
    struct problem p = {0};
    const struct binding binding = {arena, &p};
    const struct field_path path = {.index = place};
    struct xapi_event event;

    CU_ASSERT_TRUE_FATAL(
        xapi_parse(json_parse(str_of(json), arena, &p), &path, &from, &binding, &event));
    CU_ASSERT_EQUAL(event.id.n, 36);
    return event.id;
}

static void a_statement_without_an_id_gets_one_of_its_request(void)
{
    static const char *const timeless = "{" ACTOR "," VERB("passed") "," OBJECT("assessment") "}";
    static const char *const timed =
        "{" ACTOR
        "," VERB("passed") "," OBJECT("assessment") ",\"timestamp\":\"2026-01-31T09:00:00Z\"}";
    const struct xapi_request later = {request.now_ms + DAY_MS / 4, request.identity};
    const struct xapi_request next_day = {request.now_ms + DAY_MS, request.identity};
    const struct xapi_request other = {request.now_ms, STR("another request")};
    const struct str id = made_id(timeless, request, 0);

    CU_ASSERT_TRUE(str_equal(id, made_id(timeless, later, 0)));
    CU_ASSERT_FALSE(str_equal(id, made_id(timeless, request, 1)));
    CU_ASSERT_FALSE(str_equal(id, made_id(timeless, other, 0)));
    CU_ASSERT_FALSE(str_equal(id, made_id(timeless, next_day, 0)));
    CU_ASSERT_TRUE(str_equal(made_id(timed, request, 0), made_id(timed, next_day, 0)));
}

static void errors_in_a_list_have_their_index(void)
{
    struct problem p = {0}, ignored = {0};
    const struct binding binding = {arena, &p};
    struct xapi_event event;
    struct field_path path = {.index = 7};

    CU_ASSERT_FALSE(xapi_parse(json_parse(STR("{\"x\":1}"), arena, &ignored), &path, &request,
                               &binding, &event));
    CU_ASSERT_FALSE(xapi_parse(NULL, &path, &request, &binding, &event));
    CU_ASSERT_STRING_EQUAL(fields_of(&p), "[7].x [7].actor [7].verb [7].object [7]");
}

void xapi_tests(void)
{
    CU_pSuite suite = CU_add_suite("xapi", open_arena, close_arena);

    CU_ADD_TEST(suite, durations_are_those_of_iso_8601);
    CU_ADD_TEST(suite, times_need_no_zone);
    CU_ADD_TEST(suite, versions_are_1_0_and_2_0);
    CU_ADD_TEST(suite, statements_become_the_events_of_the_table);
    CU_ADD_TEST(suite, other_statements_are_ignored);
    CU_ADD_TEST(suite, one_context_activity_equals_the_list_of_it);
    CU_ADD_TEST(suite, context_activities_name_topics);
    CU_ADD_TEST(suite, refused_statements_have_their_field_errors);
    CU_ADD_TEST(suite, marks_are_equal_for_equal_statements_only);
    CU_ADD_TEST(suite, a_statement_without_an_id_gets_one_of_its_request);
    CU_ADD_TEST(suite, errors_in_a_list_have_their_index);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CloudEvents in both modes, and the learning events in them. */
#include "app/ingest/cloudevent.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

#include "app/base/base64.h"
#include "app/http/json.h"

void cloudevent_tests(void);

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const int64_t now_ms = INT64_C(1769860800000); /* 2026-01-31T12:00:00Z */
static struct arena *arena;

static int open_arena(void)
{
    arena = arena_new(65536, 4 << 20);
    return arena == NULL;
}

static int close_arena(void)
{
    arena_free(arena);
    return 0;
}

static void base64_is_strict(void)
{
    /* RFC 4648 section 10, and what must be refused */
    static const struct {
        const char *text, *bytes;
    } rows[] = {
        {"", ""},
        {"Zg==", "f"},
        {"Zm8=", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYg==", "foob"},
        {"Zm9vYmE=", "fooba"},
        {"Zm9vYmFy", "foobar"},
        {"+/+/", "\xfb\xff\xbf"},
        {"Zg", NULL},
        {"Zg=", NULL},
        {"Zh==", NULL},
        {"Zm9=", NULL},
        {"Z===", NULL},
        {"====", NULL},
        {"Zm8=Zm8=", NULL},
        {"Zm9v\n", NULL},
        {"Zm 9", NULL},
        {"-_-_", NULL},
        {"=Zm9", NULL},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str decoded = base64_decode(str_of(rows[i].text), arena);

        CU_ASSERT_EQUAL(decoded.p != NULL, rows[i].bytes != NULL);
        if (decoded.p && rows[i].bytes)
            CU_ASSERT_TRUE(str_equal(decoded, str_of(rows[i].bytes)));
    }
}

static void headers_are_decoded_once(void)
{
    static const struct {
        const char *value, *decoded; /* NULL: refused */
    } rows[] = {
        {"plain", "plain"},
        {"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"%e2%82%ac", "\xe2\x82\xac"},
        {"%41%42c", "ABc"},
        {"%2541", "%41"},
        {"\"a \\\"b\\\" \\\\c\"", "a \"b\" \\c"},
        {"\"%22\"", "\""},
        {"a\"b", "a\"b"},
        {"%", NULL},
        {"%4", NULL},
        {"%4g", NULL},
        {"%C0%A0", NULL},
        {"%FF", NULL},
        {"%00", NULL},
        {"%0A", NULL},
        {"%C2%85", NULL},
        {"\"", NULL},
        {"\"open", NULL},
        {"\"a\\\"", NULL},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str decoded = cloudevent_decode_header(str_of(rows[i].value), arena);

        CU_ASSERT_EQUAL(decoded.p != NULL, rows[i].decoded != NULL);
        if (decoded.p && rows[i].decoded)
            CU_ASSERT_TRUE(str_equal(decoded, str_of(rows[i].decoded)));
    }
}

#define LESSON "{\"lesson_id\":\"l\",\"duration_seconds\":60,\"completion_percentage\":50}"
#define BODY                                                                                       \
    "{\"event_id\":\"body-id-1\",\"event_type\":\"lesson.viewed\",\"student_id\":\"s_1\","         \
    "\"timestamp\":\"2026-01-31T10:00:00Z\",\"data\":" LESSON "}"
#define OWN                                                                                        \
    "\"specversion\":\"1.0\",\"id\":\"own-id-01\",\"source\":\"/lms\",\"type\":\"lesson.viewed\""
/* "ce-" and the first 24 bytes of: printf '/lms\nown-id-01' | sha256sum */
#define OWN_EVENT_ID "ce-ba2b7dab4827ddf7ab951c674aea8e0b21816dbe586b0196"
#define DAPR                                                                                       \
    "\"specversion\":\"1.0\",\"id\":\"dapr-id-1\",\"source\":\"lms\",\"type\":\"com.dapr.event."   \
    "sent\""
/* BODY as text, and in base64 */
#define BODY_TEXT                                                                                  \
    "\"{\\\"event_id\\\":\\\"body-id-1\\\",\\\"event_type\\\":\\\"lesson.viewed\\\",\\\"student_"  \
    "id\\\":"                                                                                      \
    "\\\"s_1\\\",\\\"timestamp\\\":\\\"2026-01-31T10:00:00Z\\\",\\\"data\\\":{\\\"lesson_id\\\":"  \
    "\\\"l\\\","                                                                                   \
    "\\\"duration_seconds\\\":60,\\\"completion_percentage\\\":50}}\""

/* clang-format off */
static const struct row {
    const char *envelope;
    const char *event_id; /* NULL: refused with reason */
    const char *reason;
} rows[] = {
    {"{" OWN ",\"subject\":\"s_1\",\"time\":\"2026-01-31T10:00:00Z\",\"data\":" LESSON "}", OWN_EVENT_ID, NULL},
    {"{" OWN ",\"subject\":null,\"time\":\"2026-01-31T10:00:00Z\",\"data\":{\"student_id\":\"s_1\",\"lesson_id\":\"l\","
     "\"duration_seconds\":60,\"completion_percentage\":50}}", OWN_EVENT_ID, NULL},
    {"{" OWN ",\"subject\":\"s_1\",\"time\":\"2026-01-31T10:00:00Z\",\"data_base64\":\"eyJsZXNzb25faWQiOiJsIiwiZHVyYXRpb25fc2Vjb25kcyI6NjAsImNvbXBsZXRpb25fcGVyY2VudGFnZSI6NTB9\"}", OWN_EVENT_ID, NULL},
    {"{" OWN ",\"subject\":\"other\",\"data\":" BODY "}", "body-id-1", NULL},
    {"{" DAPR ",\"data\":" BODY "}", "body-id-1", NULL},
    {"{" DAPR ",\"datacontenttype\":\"text/plain\",\"data\":" BODY_TEXT "}", "body-id-1", NULL},
    {"{" DAPR ",\"data_base64\":\"eyJldmVudF9pZCI6ImJvZHktaWQtMSIsImV2ZW50X3R5cGUiOiJsZXNzb24udmlld2VkIiwic3R1ZGVudF9pZCI6InNfMSIsInRpbWVzdGFtcCI6IjIwMjYtMDEtMzFUMTA6MDA6MDBaIiwiZGF0YSI6eyJsZXNzb25faWQiOiJsIiwiZHVyYXRpb25fc2Vjb25kcyI6NjAsImNvbXBsZXRpb25fcGVyY2VudGFnZSI6NTB9fQ==\"}", "body-id-1", NULL},
    {"{" DAPR ",\"time\":\"2026-01-31T10:00:00Z\",\"subject\":\"s_1\",\"data\":" LESSON "}", NULL,
     "event_id: is required; event_type: is required; timestamp: is required"},
    {"{" OWN ",\"data\":" LESSON "}", NULL, "timestamp: is required; student_id: is required"},
    {"{" OWN ",\"subject\":\"s_1\",\"data\":{\"event_type\":\"quiz.completed\"}}", NULL, NULL},
    {"{" OWN "}", NULL, "data: is required"},
    {"{" OWN ",\"data\":null}", NULL, "data: is required"},
    {"{" OWN ",\"data\":{},\"data_base64\":\"e30=\"}", NULL, "data_base64: must not be present together with data"},
    {"{" OWN ",\"data\":[]}", NULL, "data: must be a JSON object"},
    {"{" OWN ",\"data\":\"{\"}", NULL, "data: must be a JSON object"},
    {"{" OWN ",\"data_base64\":\"e30\"}", NULL, "data_base64: must be a JSON object"},
    {"{" OWN ",\"time\":\"now\",\"subject\":\"\",\"data\":{}}", NULL,
     "subject: must not be empty; time: must be a time such as 2026-01-31T23:59:59.123Z"},
    {"{\"specversion\":\"0.3\",\"id\":5,\"source\":\"\",\"type\":null,\"data\":{}}", NULL,
     "id: must be a text; source: must not be empty; type: is required; specversion: must be 1.0"},
    {"{" OWN ",\"dataschema\":\"a\\u0001\",\"data\":{}}", NULL, "dataschema: must hold no control characters"},
    {"[]", NULL, "event: must be an object"},
};
/* clang-format on */

static void envelopes_give_events_or_field_errors(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct problem p = {0};
        struct cloudevent event;
        struct event_input in = {0};
        struct json_object *envelope = json_parse(str_of(rows[i].envelope), arena, &p);
        bool read = cloudevent_parse(envelope, arena, &event, &p) &&
                    cloudevent_to_event(&event, now_ms, arena, &in, &p);

        CU_ASSERT_EQUAL(read, rows[i].event_id != NULL);
        if (rows[i].event_id) {
            CU_ASSERT_TRUE(str_equal(in.event_id, str_of(rows[i].event_id)));
            CU_ASSERT_TRUE(str_equal(in.student, STR("s_1")));
            CU_ASSERT_EQUAL(in.at_ms, now_ms - 2 * INT64_C(3600000));
            CU_ASSERT_DOUBLE_EQUAL(in.event.observations[0].x, 0.5, 1e-12);
        } else if (rows[i].reason) {
            CU_ASSERT_TRUE(str_equal(cloudevent_error_line(&p, arena), str_of(rows[i].reason)));
        }
    }
}

static void types_that_differ_are_refused(void)
{
    struct problem p = {0};
    struct cloudevent event;
    struct event_input in;
    struct json_object *envelope =
        json_parse(STR("{\"specversion\":\"1.0\",\"id\":\"own-id-01\",\"source\":\"/lms\","
                       "\"type\":\"quiz.completed\",\"data\":" BODY "}"),
                   arena, &p);

    CU_ASSERT_TRUE(cloudevent_parse(envelope, arena, &event, &p));
    CU_ASSERT_FALSE(cloudevent_to_event(&event, now_ms, arena, &in, &p));
    CU_ASSERT_TRUE(str_equal(cloudevent_error_line(&p, arena),
                             STR("event_type: must be the type of the envelope")));
}

static void binary_mode_takes_attributes_from_headers(void)
{
    struct cloudevent_headers headers = {.id = STR("own-id-01"),
                                         .source = STR("%2Flms"),
                                         .specversion = STR("1.0"),
                                         .type = STR("lesson.viewed"),
                                         .subject = STR("\"s_1\""),
                                         .time = STR("2026-01-31T10:00:00Z")};
    struct problem p = {0};
    struct cloudevent event;
    struct event_input in;

    CU_ASSERT_TRUE(cloudevent_is_binary(&headers));
    CU_ASSERT_TRUE(cloudevent_parse_binary(&headers, STR(LESSON), arena, &event, &p));
    CU_ASSERT_TRUE(cloudevent_to_event(&event, now_ms, arena, &in, &p));
    CU_ASSERT_TRUE(str_equal(in.student, STR("s_1")));
    CU_ASSERT_TRUE(str_equal(in.source, STR("/lms")));
    headers.datacontenttype = STR("application/json");
    headers.source = STR("%C0%A0");
    CU_ASSERT_FALSE(cloudevent_parse_binary(&headers, STR(""), arena, &event, &p));
    CU_ASSERT_TRUE(
        str_equal(cloudevent_error_line(&p, arena),
                  STR("source: is not properly encoded; datacontenttype: must not be present in "
                      "binary mode, where Content-Type replaces it; data: must be a JSON "
                      "object")));
    headers = (struct cloudevent_headers){.type = STR("lesson.viewed")};
    CU_ASSERT_TRUE(cloudevent_is_binary(&headers));
    p = (struct problem){0};
    CU_ASSERT_FALSE(cloudevent_parse_binary(&headers, STR("{}"), arena, &event, &p));
    CU_ASSERT_TRUE(
        str_equal(cloudevent_error_line(&p, arena),
                  STR("id: is required; source: is required; specversion: is required")));
    headers.type = STR("");
    CU_ASSERT_FALSE(cloudevent_is_binary(&headers));
}

static void form_follows_from_content_type_and_headers(void)
{
    const struct cloudevent_headers none = {.id = STR("")}, some = {.source = STR("/lms")};

    CU_ASSERT_EQUAL(cloudevent_form_of(STR("application/cloudevents+json; charset=utf-8"), &some),
                    CLOUDEVENT_STRUCTURED);
    CU_ASSERT_EQUAL(cloudevent_form_of(STR("application/cloudevents-batch+json"), &some),
                    CLOUDEVENT_BATCH);
    CU_ASSERT_EQUAL(cloudevent_form_of(STR("application/json"), &some), CLOUDEVENT_BINARY);
    CU_ASSERT_EQUAL(cloudevent_form_of(STR("text/plain"), &some), CLOUDEVENT_BINARY);
    CU_ASSERT_EQUAL(cloudevent_form_of(STR("application/json"), &none), CLOUDEVENT_STRUCTURED);
    CU_ASSERT_EQUAL(cloudevent_form_of(STR("text/plain"), &none), CLOUDEVENT_NO_FORM);
}

static void bare_bodies_need_all_of_their_fields(void)
{
    struct problem p = {0};
    struct event_input in;

    CU_ASSERT_TRUE(
        cloudevent_bare_to_event(json_parse(STR(BODY), arena, &p), now_ms, arena, &in, &p));
    CU_ASSERT_TRUE(str_equal(in.event_id, STR("body-id-1")));
    CU_ASSERT_FALSE(
        cloudevent_bare_to_event(json_parse(STR("{}"), arena, &p), now_ms, arena, &in, &p));
    CU_ASSERT_EQUAL(p.field_count, 5);
}

void cloudevent_tests(void)
{
    CU_pSuite suite = CU_add_suite("cloudevent", open_arena, close_arena);

    CU_ADD_TEST(suite, base64_is_strict);
    CU_ADD_TEST(suite, headers_are_decoded_once);
    CU_ADD_TEST(suite, envelopes_give_events_or_field_errors);
    CU_ADD_TEST(suite, types_that_differ_are_refused);
    CU_ADD_TEST(suite, binary_mode_takes_attributes_from_headers);
    CU_ADD_TEST(suite, form_follows_from_content_type_and_headers);
    CU_ADD_TEST(suite, bare_bodies_need_all_of_their_fields);
}

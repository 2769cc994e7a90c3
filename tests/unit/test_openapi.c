/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>

#include <CUnit/CUnit.h>

#include "app/base/ids.h"
#include "app/http/json.h"
#include "app/http/openapi.h"

void openapi_tests(void);

#define COUNT(array) (sizeof(array) / sizeof *(array))
enum { TODAY = 20000 }; /* 2024-10-04 */

static const char *const levels[] = {"low", "normal", "high", NULL};

/* clang-format off */
static const struct rule parts[] = {
    {.name = "quiz", .type = RULE_NUMBER, .max = 1, .required = true},
    {0},
};
static const struct rule history_rules[] = {
    {.name = "student_id", .type = RULE_ID, .source = IN_PATH, .subject = SUBJECT_STUDENT, .description = "Whose"},
    {.name = "days", .type = RULE_INT, .source = IN_QUERY, .min = 1, .max = 90, .default_value = 7, .description = "Window"},
    {.name = "level", .type = RULE_ENUM, .source = IN_QUERY, .choices = levels, .present = 8},
    {0},
};
static const struct rule submit_rules[] = {
    {.name = "student_ids", .type = RULE_IDS, .min = 1, .max = 1000, .required = true},
    {.name = "priority", .type = RULE_ENUM, .choices = levels, .default_value = 1},
    {.name = "nothing", .type = RULE_ENUM, .choices = levels, .nullable = true, .present = 8},
    {.name = "comment", .type = RULE_TEXT, .min = 1, .max = 1000, .nullable = true},
    {.name = "points", .type = RULE_NUMBER, .max = (double)INFINITY},
    {.name = "limit", .type = RULE_INT, .min = 1, .max = 20},
    {.name = "deep", .type = RULE_BOOL, .default_value = 1},
    {.name = "areas", .type = RULE_ENUM_SET, .choices = levels},
    {.name = "requests", .type = RULE_OBJECTS, .fields = parts, .min = 1, .max = 3},
    {.name = "components", .type = RULE_OBJECT, .fields = parts},
    {.name = "data", .type = RULE_JSON},
    {0},
};
static const struct rule each_other[] = {{.type = RULE_MAP, .fields = parts}, {0}};
static const struct rule answer[] = {
    {.name = "success", .type = RULE_BOOL, .required = true},
    {.name = "at", .type = RULE_TIME, .required = true, .nullable = true},
    {.name = "date", .type = RULE_DAY},
    {.name = "deleted", .type = RULE_MAP, .required = true},
    {.name = "students", .type = RULE_MAP, .fields = parts},
    {.name = "pairs", .type = RULE_MAP, .fields = each_other},
    {.name = "chances", .type = RULE_NUMBERS, .max = 1},
    {0},
};
static const struct route learning[] = {
    {.name = "history", .method = GET, .pattern = "/v1/history/{student_id}", .aliases = {"/v1/h/{student_id}", "/h/{student_id}"},
     .limit_per_minute = 20, .access = ACCESS_READ_STUDENT, .rules = history_rules, .status = 200,
     .response = answer, .summary = "Daily scores"},
    {.name = "submit", .method = POST, .pattern = "/v1/batch", .limit_per_minute = 10, .access = ACCESS_ADMIN,
     .rules = submit_rules, .status = 202, .response = answer, .flags = ROUTE_SIDECAR_TRUSTED},
    {.name = "list", .method = GET, .pattern = "/v1/batch", .bucket = "submit", .limit_per_minute = 10, .access = ACCESS_ADMIN, .status = 200},
};
static const struct route ops[] = {
    {.name = "metrics", .method = GET, .pattern = "/metrics", .limit_per_minute = 50, .access = ACCESS_OPEN, .status = 200,
     .response_type = "text/plain; version=0.0.4", .flags = ROUTE_NETWORK_ALLOWLIST},
    {.name = "events", .method = POST, .pattern = "/dapr/events", .access = ACCESS_ANY, .status = 200, .flags = ROUTE_SIDECAR_ONLY | ROUTE_UNLIMITED},
    {.name = "batch", .method = DELETE, .pattern = "/v1/undeclared/{batch_id}", .access = ACCESS_ADMIN, .status = 202, .limit_per_minute = 10},
};
/* One route for each flag that the document shows. */
static const struct route flagged[] = {
    {.name = "put", .method = PUT, .pattern = "/put", .status = 200, .other_status = 201, .response = answer, .flags = ROUTE_CONFLICT},
    {.name = "ready", .method = GET, .pattern = "/ready", .status = 200, .other_status = 503, .response = answer},
    {.name = "keyed", .method = POST, .pattern = "/keyed", .status = 202, .flags = ROUTE_IDEMPOTENT},
    {.name = "batched", .method = POST, .pattern = "/batched", .status = 200, .other_status = 202, .flags = ROUTE_SUBMITS_BATCH},
    {.name = "compared", .method = POST, .pattern = "/compared", .status = 200, .flags = ROUTE_INSUFFICIENT_DATA},
    {.name = "cached", .method = POST, .pattern = "/cached", .status = 200, .flags = ROUTE_CACHED},
    {.name = "stale", .method = POST, .pattern = "/stale", .status = 200, .flags = ROUTE_CACHED | ROUTE_STALE},
    {.name = "xapi", .method = POST, .pattern = "/xapi", .status = 200, .flags = ROUTE_XAPI | ROUTE_XAPI_VERSIONED},
};
/* clang-format on */
static const struct route_table tables[] = {{"learning", learning, COUNT(learning), "How it goes"},
                                            {"operation", ops, COUNT(ops), NULL},
                                            {"operation", flagged, COUNT(flagged), NULL},
                                            {"learning", learning, 0, NULL}};

struct document {
    struct arena *arena;
    struct json_object *root;
};

static void begin(struct document *d)
{
    struct buf out;
    struct problem p = {0};
    d->arena = arena_new(65536, 4 << 20);
    buf_init(&out, d->arena);
    openapi_write(tables, COUNT(tables), TODAY, &out);
    CU_ASSERT_FALSE_FATAL(out.failed);
    d->root = json_parse(buf_view(&out), d->arena, &p);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d->root);
}

static void end(struct document *d)
{
    arena_free(d->arena);
}

/* The value at a path of keys, separated by '|', because keys contain '/' and '.'. */
static struct json_object *at(struct json_object *object, const char *keys)
{
    struct str rest = str_of(keys);
    while (rest.n > 0 && object) {
        char key[128];
        struct str part = str_cut(&rest, '|');
        (void)snprintf(key, sizeof key, "%.*s", STR_ARG(part));
        if (json_object_is_type(object, json_type_array))
            object = json_object_array_get_idx(object, (size_t)(key[0] - '0'));
        else if (!json_object_object_get_ex(object, key, &object))
            object = NULL;
    }
    return object;
}

struct expected {
    const char *keys;
    const char *json; /* NULL: not there */
};

static void check_all(const struct expected *rows, size_t count)
{
    struct document d;
    begin(&d);
    for (size_t i = 0; i < count; i++) {
        struct json_object *found = at(d.root, rows[i].keys);
        const char *text = found
                               ? json_object_to_json_string_ext(
                                     found, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                               : NULL;
        bool same = text && rows[i].json ? strcmp(text, rows[i].json) == 0 : text == rows[i].json;
        if (same)
            continue;
        (void)fprintf(stderr, "\n%s: %s", rows[i].keys, text ? text : "not there");
        CU_FAIL("row");
    }
    end(&d);
}

static void the_frame_is_openapi_3_1(void)
{
    static const struct expected rows[] = {
        {"openapi", "\"3.1.0\""},
        {"info|version", "\"" OPENAPI_API_VERSION "\""},
        {"info|license|identifier", "\"GPL-3.0-or-later\""},
        {"tags",
         "[{\"name\":\"learning\",\"description\":\"How it goes\"},{\"name\":\"operation\"}]"},
        {"components|securitySchemes|bearer",
         "{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\"}"},
        {"components|securitySchemes|sidecar|name", "\"dapr-api-token\""},
        {"components|schemas|ErrorResponse|required", "[\"success\",\"error\",\"correlation_id\"]"},
        {"components|responses|TooManyRequests|headers|Retry-After|$ref",
         "\"#/components/headers/Retry-After\""},
        {"components|headers|Retry-After|schema|type", "\"integer\""},
        {"components|responses|NotFound|content|application/json|schema",
         "{\"$ref\":\"#/components/schemas/ErrorResponse\"}"},
    };
    check_all(rows, COUNT(rows));
}

static void an_operation_says_what_its_row_says(void)
{
#define HISTORY "paths|/v1/history/{student_id}|get|"
#define SUBMIT  "paths|/v1/batch|post|"
    static const struct expected rows[] = {
        {HISTORY "operationId", "\"history\""},
        {HISTORY "summary", "\"Daily scores\""},
        {HISTORY "tags", "[\"learning\"]"},
        {HISTORY "deprecated", NULL},
        {HISTORY "x-rate-limit", "{\"per_minute\":20,\"budget\":\"history\"}"},
        {HISTORY "security", "[{\"bearer\":[]}]"},
        {HISTORY "requestBody", NULL},
        {HISTORY "responses|413", NULL},
        {HISTORY "responses|200|description", "\"OK\""},
        {HISTORY "responses|400|$ref", "\"#/components/responses/BadRequest\""},
        {HISTORY "responses|429|$ref", "\"#/components/responses/TooManyRequests\""},
        {HISTORY "responses|default|$ref", "\"#/components/responses/OtherError\""},
        {SUBMIT "responses|202|description", "\"Accepted\""},
        {SUBMIT "responses|200", NULL},
        {SUBMIT "responses|413|$ref", "\"#/components/responses/PayloadTooLarge\""},
        {SUBMIT "responses|415|$ref", "\"#/components/responses/UnsupportedMediaType\""},
        {SUBMIT "security", "[{\"bearer\":[]},{\"sidecar\":[]}]"},
        {"paths|/v1/batch|get|operationId", "\"list\""},
        {"paths|/v1/batch|get|x-rate-limit|budget", "\"submit\""},
        {"paths|/v1/batch|get|responses|400|$ref", "\"#/components/responses/BadRequest\""},
        {"paths|/metrics|get|security", "[]"},
        {"paths|/metrics|get|responses|401", NULL},
        {"paths|/metrics|get|responses|403|$ref", "\"#/components/responses/Forbidden\""},
        {"paths|/metrics|get|x-listener", "\"configured networks only\""},
        {"paths|/metrics|get|responses|200|content|text/plain; version=0.0.4|schema",
         "{\"type\":\"string\"}"},
        {"paths|/dapr/events|post|security", "[{\"sidecar\":[]}]"},
        {"paths|/dapr/events|post|x-listener", "\"sidecar\""},
        {"paths|/dapr/events|post|x-rate-limit", NULL},
        {"paths|/dapr/events|post|responses|429", NULL},
        {"paths|/dapr/events|post|responses|404|$ref", "\"#/components/responses/NotFound\""},
        {"paths|/metrics|get|responses|404", NULL},
    };
    check_all(rows, COUNT(rows));
}

static void an_alias_is_a_path_of_its_own(void)
{
    static const struct expected rows[] = {
        {"paths|/v1/h/{student_id}|get|operationId", "\"history-alias-1\""},
        {"paths|/h/{student_id}|get|operationId", "\"history-alias-2\""},
        {"paths|/h/{student_id}|get|deprecated", "false"},
        {"paths|/h/{student_id}|get|description",
         "\"Daily scores. For the student, a teacher of the student, and admins. Alias of "
         "/v1/history/{student_id}\""},
        {"paths|/h/{student_id}|get|parameters|0|name", "\"student_id\""},
    };
    check_all(rows, COUNT(rows));
}

static void rules_become_schemas(void)
{
#define BODY   "components|schemas|SubmitRequest|"
#define ANSWER "components|schemas|HistoryResponse|"
#define DAY    "[0-9]{4}-[0-9]{2}-[0-9]{2}"
    static const struct expected rows[] = {
        {HISTORY "parameters|0",
         "{\"name\":\"student_id\",\"in\":\"path\",\"required\":true,\"description\":\"Whose\","
         "\"schema\":{\"type\":\"string\",\"pattern\":\"" ID_PATTERN
         "\",\"description\":\"Whose\"},\"example\":\"student-1\"}"},
        {HISTORY "parameters|1",
         "{\"name\":\"days\",\"in\":\"query\",\"required\":false,\"description\":\"Window\","
         "\"schema\":{\"type\":\"integer\","
         "\"minimum\":1,\"maximum\":90,\"default\":7,\"description\":\"Window\"}}"},
        {HISTORY "parameters|2|schema",
         "{\"type\":\"string\",\"enum\":[\"low\",\"normal\",\"high\"]}"},
        {SUBMIT "requestBody|required", "true"},
        {BODY "required", "[\"student_ids\"]"},
        {BODY "properties|student_ids",
         "{\"type\":\"array\",\"minItems\":1,\"maxItems\":1000,\"uniqueItems\":true,\"items\":{"
         "\"type\":\"string\",\"pattern\":\"" ID_PATTERN "\"}}"},
        {BODY "properties|priority|default", NULL},
        {BODY "properties|priority|description", "\"Default: normal\""},
        {BODY "properties|nothing",
         "{\"type\":[\"string\",\"null\"],\"enum\":[\"low\",\"normal\",\"high\",null]}"},
        {BODY "properties|comment",
         "{\"type\":[\"string\",\"null\"],\"minLength\":1,\"maxLength\":1000}"},
        {BODY "properties|points",
         "{\"type\":\"number\",\"minimum\":0,\"description\":\"Default: 0\"}"},
        {BODY "properties|limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":20}"},
        {BODY "properties|deep", "{\"type\":\"boolean\",\"description\":\"Default: true\"}"},
        {BODY "properties|areas",
         "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"low\",\"normal\","
         "\"high\"]}}"},
        {BODY "properties|requests",
         "{\"type\":\"array\",\"minItems\":1,\"maxItems\":3,\"items\":{\"type\":\"object\","
         "\"properties\":{\"quiz\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1}},"
         "\"required\":[\"quiz\"]}}"},
        {BODY "properties|components|required", "[\"quiz\"]"},
        {BODY "properties|data", "{}"},
        {ANSWER "required", "[\"success\",\"at\",\"deleted\"]"},
        {ANSWER "properties|success", "{\"type\":\"boolean\"}"},
        {ANSWER "properties|at",
         "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\",\"pattern\":\"^" DAY "[Tt ]"
         "[0-9]{2}:[0-9]{2}:[0-9]{2}(\\\\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$\"}"},
        {ANSWER "properties|date",
         "{\"type\":\"string\",\"format\":\"date\",\"pattern\":\"^" DAY "$\"}"},
        {ANSWER "properties|deleted",
         "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"number\"}}"},
        {ANSWER "properties|students|additionalProperties|required", "[\"quiz\"]"},
        {ANSWER "properties|pairs|additionalProperties|additionalProperties|required",
         "[\"quiz\"]"},
        {ANSWER "properties|chances",
         "{\"type\":\"array\",\"items\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1}}"},
    };
    check_all(rows, COUNT(rows));
}

static void a_path_parameter_without_a_rule_is_declared(void)
{
    static const struct expected row = {
        "paths|/v1/undeclared/{batch_id}|delete|parameters|0",
        "{\"name\":\"batch_id\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":"
        "\"string\"},\"example\":\"text\"}"};
    check_all(&row, 1);
}

static void flags_tell_of_more_answers(void)
{
    static const struct expected rows[] = {
        {"paths|/put|put|responses|200|description", "\"OK\""},
        {"paths|/put|put|responses|201|description", "\"Created\""},
        {"paths|/put|put|responses|201|content|application/json|schema|$ref",
         "\"#/components/schemas/PutResponse\""},
        {"paths|/put|put|responses|409|$ref", "\"#/components/responses/Conflict\""},
        {"paths|/ready|get|responses|409", NULL},
        {"paths|/ready|get|responses|503|$ref", NULL},
        {"paths|/ready|get|responses|503|description", "\"Service Unavailable\""},
        {"paths|/ready|get|responses|503|headers|Retry-After|$ref",
         "\"#/components/headers/Retry-After\""},
        {"paths|/ready|get|responses|503|content|application/json|schema|$ref",
         "\"#/components/schemas/ReadyResponse\""},
        {"paths|/keyed|post|responses|409|$ref", "\"#/components/responses/Conflict\""},
        {"paths|/keyed|post|responses|422", NULL},
        {"paths|/compared|post|responses|422|$ref", "\"#/components/responses/InsufficientData\""},
        {"paths|/compared|post|responses|409", NULL},
    };
    check_all(rows, COUNT(rows));
}

static void headers_are_on_the_answers_that_have_them(void)
{
#define REFERENCE(kind, name) "{\"$ref\":\"#/components/" kind "/" name "\"}"
#define ALWAYS                                                                                     \
    "{\"X-Request-ID\":" REFERENCE("headers", "X-Request-ID") ",\"traceparent\":" REFERENCE(       \
        "headers", "traceparent")
    static const struct expected rows[] = {
        {HISTORY "responses|200|headers", ALWAYS "}"},
        {"components|responses|OtherError|headers", ALWAYS "}"},
        {"components|responses|NotFound|headers", ALWAYS "}"},
        {"components|responses|Unauthorized|headers|WWW-Authenticate",
         REFERENCE("headers", "WWW-Authenticate")},
        {"components|responses|Forbidden|headers|WWW-Authenticate",
         REFERENCE("headers", "WWW-Authenticate")},
        {"components|responses|UnsupportedMediaType|headers|Accept",
         REFERENCE("headers", "Accept")},
        {"components|responses|Unavailable|headers|Retry-After",
         REFERENCE("headers", "Retry-After")},
        {"paths|/cached|post|responses|200|headers",
         ALWAYS ",\"X-Cache\":" REFERENCE("headers", "X-Cache") "}"},
        {"paths|/stale|post|responses|200|headers",
         ALWAYS ",\"X-Cache\":" REFERENCE("headers", "X-Cache") ",\"Age\":" REFERENCE("headers",
                                                                                      "Age") "}"},
        {"paths|/keyed|post|responses|202|headers",
         ALWAYS ",\"Idempotency-Replayed\":" REFERENCE("headers", "Idempotency-Replayed") "}"},
        {"paths|/batched|post|responses|200|headers", ALWAYS "}"},
        {"paths|/batched|post|responses|202|headers",
         ALWAYS ",\"Location\":" REFERENCE("headers", "Location") "}"},
        {"paths|/xapi|post|responses|200|headers|X-Experience-API-Version",
         REFERENCE("headers", "X-Experience-API-Version")},
        {"paths|/xapi|post|responses|400|headers|X-Experience-API-Consistent-Through",
         REFERENCE("headers", "X-Experience-API-Consistent-Through")},
        {"paths|/xapi|post|responses|429|headers|Retry-After", REFERENCE("headers", "Retry-After")},
        {"paths|/xapi|post|responses|default|headers|X-Experience-API-Version",
         REFERENCE("headers", "X-Experience-API-Version")},
        {"components|headers|X-Cache|schema|enum", "[\"HIT\",\"MISS\",\"STALE\"]"},
        {"components|headers|X-Cache|required", "false"},
        {"components|headers|X-Request-ID|required", "true"},
        {"components|headers|X-Request-ID|in", NULL},
    };
    check_all(rows, COUNT(rows));
}

static void headers_are_parameters_of_the_operations_that_take_them(void)
{
#define TAKEN REFERENCE("parameters", "X-Request-ID") "," REFERENCE("parameters", "traceparent")
    static const struct expected rows[] = {
        {"paths|/ready|get|parameters", "[" TAKEN "]"},
        {"paths|/keyed|post|parameters",
         "[" TAKEN "," REFERENCE("parameters", "Idempotency-Key") "]"},
        {"paths|/xapi|post|parameters",
         "[" TAKEN "," REFERENCE("parameters", "X-Experience-API-Version") "]"},
        {"components|parameters|Idempotency-Key|in", "\"header\""},
        {"components|parameters|Idempotency-Key|required", "false"},
        {"components|parameters|Idempotency-Key|schema|maxLength", "128"},
        {"components|parameters|X-Experience-API-Version|required", "true"},
    };
    check_all(rows, COUNT(rows));
}

/* Follows every $ref below the value and returns their number. */
static size_t follow_references(struct json_object *root, struct json_object *value)
{
    size_t n = 0;
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            n += follow_references(root, json_object_array_get_idx(value, i));
    }
    if (!json_object_is_type(value, json_type_object))
        return n;
    struct json_object_iterator i = json_object_iter_begin(value);
    struct json_object_iterator stop = json_object_iter_end(value);
    for (; !json_object_iter_equal(&i, &stop); json_object_iter_next(&i)) {
        struct json_object *inner = json_object_iter_peek_value(&i);
        n += follow_references(root, inner);
        if (strcmp(json_object_iter_peek_name(&i), "$ref") != 0)
            continue;
        char keys[128];
        (void)snprintf(keys, sizeof keys, "%s", json_object_get_string(inner) + 2);
        for (char *slash = strchr(keys, '/'); slash; slash = strchr(slash, '/'))
            *slash = '|';
        CU_ASSERT_PTR_NOT_NULL(at(root, keys));
        n++;
    }
    return n;
}

static void every_reference_leads_somewhere(void)
{
    struct document d;
    begin(&d);
    CU_ASSERT_TRUE(follow_references(d.root, d.root) > 30);
    end(&d);
}

static void short_memory_is_seen(void)
{
    struct arena *arena = arena_new(1024, 4096);
    struct buf out;
    buf_init(&out, arena);
    openapi_write(tables, COUNT(tables), TODAY, &out);
    CU_ASSERT_TRUE(out.failed);
    arena_free(arena);
}

void openapi_tests(void)
{
    CU_pSuite suite = CU_add_suite("openapi", NULL, NULL);
    CU_ADD_TEST(suite, the_frame_is_openapi_3_1);
    CU_ADD_TEST(suite, an_operation_says_what_its_row_says);
    CU_ADD_TEST(suite, an_alias_is_a_path_of_its_own);
    CU_ADD_TEST(suite, rules_become_schemas);
    CU_ADD_TEST(suite, a_path_parameter_without_a_rule_is_declared);
    CU_ADD_TEST(suite, flags_tell_of_more_answers);
    CU_ADD_TEST(suite, headers_are_on_the_answers_that_have_them);
    CU_ADD_TEST(suite, headers_are_parameters_of_the_operations_that_take_them);
    CU_ADD_TEST(suite, every_reference_leads_somewhere);
    CU_ADD_TEST(suite, short_memory_is_seen);
}

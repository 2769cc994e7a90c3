/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include <CUnit/CUnit.h>

#include "app/http/problem_response.h"

void problem_response_tests(void);

static const char *header_of(const struct http_response *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++) {
        if (strcmp(r->headers[i].name, name) == 0)
            return r->headers[i].value.p;
    }
    return NULL;
}

static void check_body(const struct http_response *r, const char *expected)
{
    struct str body = buf_view(&r->body);
    CU_ASSERT_FALSE(r->body.failed);
    if (str_equal(body, str_of(expected)))
        return;
    (void)fprintf(stderr, "\n%.*s", STR_ARG(body));
    CU_FAIL("body");
}

struct fixture {
    struct arena *arena;
    struct http_response response;
    struct problem problem;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){.arena = arena_new(4096, 1 << 20)};
    http_response_init(&f->response, f->arena);
}

static void end(struct fixture *f)
{
    arena_free(f->arena);
}

static void each_code_has_its_form_and_status(void)
{
    for (int code = PROBLEM_NONE + 1; code < PROBLEM_CODES; code++) {
        struct fixture f;
        char expected[512];
        begin(&f);
        problem_set(&f.problem, (enum problem_code)code, "what \"it\" is");
        problem_respond(&f.problem, STR("id-1"), &f.response);
        (void)snprintf(expected, sizeof expected,
                       "{\"success\":false,\"error\":{\"code\":\"%s\",\"message\":\"what "
                       "\\\"it\\\" is\",\"details\":{%s}},\"correlation_id\":\"id-1\"}",
                       problem_name((enum problem_code)code),
                       code == PROBLEM_VALIDATION_ERROR ? "\"errors\":[]" : "");
        check_body(&f.response, expected);
        CU_ASSERT_EQUAL(f.response.status, problem_status((enum problem_code)code));
        CU_ASSERT_STRING_EQUAL(f.response.content_type, "application/json");
        end(&f);
    }
}

static void field_errors_are_all_told(void)
{
    struct fixture f;
    begin(&f);
    problem_field(&f.problem, f.arena, STR("components.quiz"), "is required");
    problem_field(&f.problem, f.arena, STR("student_ids[3]"), "must be %d", 1);
    problem_respond(&f.problem, STR("c"), &f.response);
    check_body(&f.response,
               "{\"success\":false,\"error\":{\"code\":\"VALIDATION_ERROR\",\"message\":\"The "
               "request is not valid\",\"details\":{\"errors\":[{\"field\":\"components.quiz\","
               "\"message\":\"is required\"},{\"field\":\"student_ids[3]\",\"message\":\"must be "
               "1\"}]}},\"correlation_id\":\"c\"}");
    CU_ASSERT_EQUAL(f.response.status, 400);
    end(&f);
}

static void broken_json_has_its_offset(void)
{
    struct fixture f;
    begin(&f);
    f.problem = (struct problem){.code = PROBLEM_INVALID_JSON, .has_offset = true, .offset = 17};
    problem_respond(&f.problem, STR(""), &f.response);
    check_body(&f.response, "{\"success\":false,\"error\":{\"code\":\"INVALID_JSON\",\"message\":"
                            "\"\",\"details\":{\"offset\":17}},\"correlation_id\":\"\"}");
    end(&f);
}

static void headers_that_the_code_calls_for_are_there(void)
{
    static const struct {
        struct problem problem;
        const char *authenticate, *retry_after;
    } rows[] = {
        {{.code = PROBLEM_AUTH_ERROR}, "Bearer realm=\"mastery-engine\"", NULL},
        {{.code = PROBLEM_AUTH_ERROR, .has_credentials = true},
         "Bearer realm=\"mastery-engine\", error=\"invalid_token\"",
         NULL},
        {{.code = PROBLEM_FORBIDDEN, .message = "You may not do this"},
         "Bearer realm=\"mastery-engine\", error=\"insufficient_scope\"",
         NULL},
        {{.code = PROBLEM_FORBIDDEN, .message = "Consent is withdrawn"}, NULL, NULL},
        {{.code = PROBLEM_SERVICE_UNAVAILABLE, .retry_after_s = 3}, NULL, "3"},
        {{.code = PROBLEM_SERVICE_UNAVAILABLE}, NULL, "1"},
        {{.code = PROBLEM_CONFLICT, .retry_after_s = 2}, NULL, "2"},
        {{.code = PROBLEM_NOT_FOUND}, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture f;
        const struct {
            const char *name, *expected;
        } headers[] = {{"WWW-Authenticate", rows[i].authenticate},
                       {"Retry-After", rows[i].retry_after}};
        begin(&f);
        problem_respond(&rows[i].problem, STR("c"), &f.response);
        for (size_t h = 0; h < sizeof headers / sizeof *headers; h++) {
            const char *value = header_of(&f.response, headers[h].name);
            CU_ASSERT_EQUAL(value == NULL, headers[h].expected == NULL);
            if (value && headers[h].expected)
                CU_ASSERT_STRING_EQUAL(value, headers[h].expected);
        }
        end(&f);
    }
}

static void what_was_written_before_is_gone(void)
{
    struct fixture f;
    struct jw w;
    begin(&f);
    http_response_json(&f.response, 200, &w);
    jw_text(&w, "secret", "x");
    CU_ASSERT_TRUE(http_response_header(&f.response, "X-Cache", STR("HIT")));
    f.problem.code = PROBLEM_NOT_FOUND;
    problem_respond(&f.problem, STR("c"), &f.response);
    CU_ASSERT_PTR_NULL(header_of(&f.response, "X-Cache"));
    check_body(&f.response, "{\"success\":false,\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"\","
                            "\"details\":{}},\"correlation_id\":\"c\"}");
    end(&f);
}

static void more_field_errors_than_memory_are_counted(void)
{
    struct fixture f = {.arena = arena_new(4096, 64 << 10)};
    http_response_init(&f.response, f.arena);
    CU_ASSERT_TRUE(buf_reserve(&f.response.body, 1024));
    for (int i = 0; i < 2000; i++)
        problem_field(&f.problem, f.arena, STR("student_ids"), "is wrong");
    problem_respond(&f.problem, STR("c"), &f.response);
    check_body(&f.response,
               "{\"success\":false,\"error\":{\"code\":\"VALIDATION_ERROR\",\"message\":\"The "
               "request is not valid\",\"details\":{\"errors\":[],\"errors_total\":2000}},"
               "\"correlation_id\":\"c\"}");
    arena_free(f.arena);
}

static void header_values_with_controls_are_left_out(void)
{
    static const struct {
        struct str value;
        bool taken;
    } rows[] = {
        {STR_INIT("plain text"), true},
        {STR_INIT(""), true},
        {STR_INIT("a\r\nSet-Cookie: x"), false},
        {STR_INIT("a\nb"), false},
        {STR_INIT("a\tb"), false},
        {STR_INIT("a\177"), false},
        {STR_INIT("a\0b"), false},
        {STR_INIT("caf\303\251"), true},
        {{NULL, 0}, false},
    };
    struct fixture f;
    begin(&f);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CU_ASSERT_EQUAL(http_response_header(&f.response, "X-Test", rows[i].value), rows[i].taken);
    CU_ASSERT_EQUAL(f.response.header_count, 3);
    end(&f);
}

static void one_header_too_many_is_left_out(void)
{
    struct fixture f;
    begin(&f);
    for (int i = 0; i < RESPONSE_HEADERS_MAX; i++)
        CU_ASSERT_TRUE(http_response_header(&f.response, "X-Test", STR("1")));
    CU_ASSERT_FALSE(http_response_header(&f.response, "X-Test", STR("1")));
    http_response_clear(&f.response);
    CU_ASSERT_TRUE(http_response_header(&f.response, "X-Test", STR("1")));
    end(&f);
}

static void an_error_inside_an_answer_has_the_same_form(void)
{
    struct fixture f;
    struct jw w;
    begin(&f);
    problem_set(&f.problem, PROBLEM_INVALID_INTENT, NULL);
    http_response_json(&f.response, 200, &w);
    jw_bool(&w, "success", false);
    problem_write(&f.problem, "error", &w);
    jw_object_end(&w);
    check_body(&f.response, "{\"success\":false,\"error\":{\"code\":\"INVALID_INTENT\",\"message\":"
                            "\"The intent is not known\",\"details\":{}}}");
    end(&f);
}

void problem_response_tests(void)
{
    CU_pSuite suite = CU_add_suite("problem_response", NULL, NULL);
    CU_ADD_TEST(suite, each_code_has_its_form_and_status);
    CU_ADD_TEST(suite, field_errors_are_all_told);
    CU_ADD_TEST(suite, broken_json_has_its_offset);
    CU_ADD_TEST(suite, headers_that_the_code_calls_for_are_there);
    CU_ADD_TEST(suite, what_was_written_before_is_gone);
    CU_ADD_TEST(suite, more_field_errors_than_memory_are_counted);
    CU_ADD_TEST(suite, header_values_with_controls_are_left_out);
    CU_ADD_TEST(suite, one_header_too_many_is_left_out);
    CU_ADD_TEST(suite, an_error_inside_an_answer_has_the_same_form);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Matching of paths and methods, and the refusal of tables that contradict themselves. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "app/http/router.h"

void router_tests(void);

#define BIT(method)  (1U << (method))
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* clang-format off */
static const struct route ops[] = {
    {.name = "root",       .method = GET,  .pattern = "/"},
    {.name = "health",     .method = GET,  .pattern = "/health"},
    {.name = "reset",      .method = POST, .pattern = "/metrics/reset"},
    {.name = "subscribe",  .method = GET,  .pattern = "/dapr/subscribe", .flags = ROUTE_SIDECAR_ONLY},
};
static const struct route area[] = {
    {.name = "history",    .method = GET,  .pattern = "/v1/history/{student_id}"},
    {.name = "list",       .method = GET,  .pattern = "/v1/cohorts"},
    {.name = "cohort-get", .method = GET,  .pattern = "/v1/cohorts/{cohort_id}"},
    {.name = "cohort-put", .method = PUT,  .pattern = "/v1/cohorts/{cohort_id}"},
    {.name = "cohort-del", .method = DELETE, .pattern = "/v1/cohorts/{cohort_id}"},
    {.name = "batch",      .method = GET,  .pattern = "/v1/batch/{batch_id}",
     .aliases = {"/v1/batch/status/{batch_id}", "/old/batch/{batch_id}", "/older/batch/{batch_id}", "/oldest/batch"}},
    {.name = "results",    .method = GET,  .pattern = "/v1/batch/{batch_id}/results"},
    {.name = "status",     .method = GET,  .pattern = "/v1/consent/status/{student_id}"},
    {.name = "withdraw",   .method = POST, .pattern = "/v1/consent/{student_id}/withdraw"},
    {.name = "three",      .method = GET,  .pattern = "/t/{a}/{b}/{c}"},
    {.name = "two",        .method = GET,  .pattern = "/t/{a}/x/{b}"},
    {.name = "config",     .method = GET,  .pattern = "/v1/config"},
    {.name = "config-post", .method = POST, .pattern = "/v1/config"},
};
static const struct route_table tables[] = {{"ops", ops, COUNT(ops), NULL}, {"area", area, COUNT(area), NULL}};

struct row {
    enum http_method method;
    const char *path;
    const char *route;  /* name; NULL: no route */
    const char *values; /* path parameters: name=value, name=value */
    unsigned allowed;   /* bit per enum http_method */
};

enum { READ = 1U << GET | 1U << HEAD | 1U << OPTIONS };

static const struct row rows[] = {
    {GET,     "/",                        "root",        "", READ},
    {GET,     "/health",                  "health",      "", READ},
    {HEAD,    "/health",                  "health",      "", READ},
    {POST,    "/health",                  NULL,          "", READ},
    {OPTIONS, "/health",                  NULL,          "", READ},
    {OTHER_METHOD, "/health",             NULL,          "", READ},
    {POST,    "/metrics/reset",           "reset",       "", BIT(POST) | BIT(OPTIONS)},
    {HEAD,    "/metrics/reset",           NULL,          "", BIT(POST) | BIT(OPTIONS)},
    {GET,     "",                         NULL,          "", 0},
    {GET,     "health",                   NULL,          "", 0},
    {GET,     "/health/",                 NULL,          "", 0},
    {GET,     "//health",                 NULL,          "", 0},
    {GET,     "/Health",                  NULL,          "", 0},
    {GET,     "/healt",                   NULL,          "", 0},
    {GET,     "/v1/history/alice",        "history",     "student_id=alice", READ},
    {HEAD,    "/v1/history/alice",        "history",     "student_id=alice", READ},
    {GET,     "/v1/history/",             NULL,          "", 0},
    {GET,     "/v1/history",              NULL,          "", 0},
    {GET,     "/v1/history/alice/",       NULL,          "", 0},
    {GET,     "/v1/history/alice/x",      NULL,          "", 0},
    {GET,     "/v1/history//alice",       NULL,          "", 0},
    {GET,     "/v1/history/{student_id}", "history",     "student_id={student_id}", READ},
    {GET,     "/v1/cohorts",              "list",        "", READ},
    {PUT,     "/v1/cohorts",              NULL,          "", READ},
    {GET,     "/v1/cohorts/a",            "cohort-get",  "cohort_id=a", READ | BIT(PUT) | BIT(DELETE)},
    {PUT,     "/v1/cohorts/a",            "cohort-put",  "cohort_id=a", READ | BIT(PUT) | BIT(DELETE)},
    {DELETE,  "/v1/cohorts/a",            "cohort-del",  "cohort_id=a", READ | BIT(PUT) | BIT(DELETE)},
    {POST,    "/v1/cohorts/a",            NULL,          "", READ | BIT(PUT) | BIT(DELETE)},
    {GET,     "/v1/batch/7",              "batch",       "batch_id=7", READ},
    {GET,     "/v1/batch/status/7",       "batch",       "batch_id=7", READ},
    {GET,     "/old/batch/7",             "batch",       "batch_id=7", READ},
    {GET,     "/older/batch/7",           "batch",       "batch_id=7", READ},
    {GET,     "/oldest/batch",            "batch",       "", READ},
    {GET,     "/v1/batch//results",       NULL,          "", 0},
    {GET,     "/v1/batch/7/results",      "results",     "batch_id=7", READ},
    /* two patterns match: the one with the literal segment, unless it lacks the method */
    {GET,     "/v1/batch/status/results", "batch",       "batch_id=results", READ},
    {GET,     "/v1/consent/status/withdraw", "status",   "student_id=withdraw", READ | BIT(POST)},
    {POST,    "/v1/consent/status/withdraw", "withdraw", "student_id=status", READ | BIT(POST)},
    {GET,     "/t/1/2/3",                 "three",       "a=1, b=2, c=3", READ},
    {GET,     "/t/1/x/3",                 "two",         "a=1, b=3", READ},
    {GET,     "/t/1/2",                   NULL,          "", 0},
    {GET,     "/v1/config",               "config",      "", READ | BIT(POST)},
    {POST,    "/v1/config",               "config-post", "", READ | BIT(POST)},
    {GET,     "/dapr/subscribe",          NULL,          "", 0},
};
/* clang-format on */

static void values_text(const struct path_values *path, char ret_text[128])
{
    size_t n = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < path->n; i++)
        n += (size_t)snprintf(ret_text + n, 128 - n, "%s%.*s=%.*s", i > 0 ? ", " : "",
                              STR_ARG(path->v[i].name), STR_ARG(path->v[i].value));
}

static void check_row(const struct router *router, const struct row *row)
{
    struct route_match match;
    char values[128];
    router_match(router, row->method, str_of(row->path), false, &match);
    values_text(&match.path, values);
    bool same_route = (match.route == NULL) == (row->route == NULL) &&
                      (!row->route || strcmp(match.route->name, row->route) == 0);
    if (same_route && match.allowed_methods == row->allowed && strcmp(values, row->values) == 0)
        return;
    (void)fprintf(stderr, "\n%s %s: %s, %s, %x", http_method_name(row->method), row->path,
                  match.route ? match.route->name : "none", values, match.allowed_methods);
    CU_FAIL("row");
}

static void paths_find_their_routes(void)
{
    struct router *router = router_new(tables, COUNT(tables));
    CU_ASSERT_PTR_NOT_NULL_FATAL(router);
    for (size_t i = 0; i < COUNT(rows); i++)
        check_row(router, &rows[i]);
    router_free(router);
}

static void sidecar_routes_exist_for_the_sidecar_only(void)
{
    struct router *router = router_new(tables, COUNT(tables));
    struct route_match match;
    CU_ASSERT_PTR_NOT_NULL_FATAL(router);
    router_match(router, GET, STR("/dapr/subscribe"), true, &match);
    CU_ASSERT_PTR_EQUAL(match.route, &ops[3]);
    CU_ASSERT_EQUAL(match.allowed_methods, READ);
    router_match(router, GET, STR("/health"), true, &match);
    CU_ASSERT_PTR_EQUAL(match.route, &ops[1]);
    router_free(router);
}

static void routes_are_numbered_over_all_tables(void)
{
    struct router *router = router_new(tables, COUNT(tables));
    struct route_match match;
    CU_ASSERT_PTR_NOT_NULL_FATAL(router);
    CU_ASSERT_EQUAL(router_count(router), COUNT(ops) + COUNT(area));
    CU_ASSERT_PTR_EQUAL(router_route(router, 0), &ops[0]);
    CU_ASSERT_PTR_EQUAL(router_route(router, COUNT(ops)), &area[0]);
    router_match(router, GET, STR("/old/batch/7"), false, &match);
    CU_ASSERT_PTR_EQUAL(router_route(router, match.index), match.route);
    router_free(router);
}

/* A router of these routes; its messages on stderr are dropped, to keep the output of tests clean.
 */
static struct router *router_new_quietly(const struct route *routes, size_t n)
{
    const struct route_table table = {"area", routes, n, NULL};
    int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)dup2(null, STDERR_FILENO);
    struct router *router = router_new(&table, 1);
    (void)dup2(saved, STDERR_FILENO);
    (void)close(null);
    (void)close(saved);
    return router;
}

static void tables_that_contradict_themselves_are_refused(void)
{
    /* clang-format off */
    static const struct route pairs[][2] = {
        {{.name = "a", .method = GET, .pattern = "/x"}, {.name = "b", .method = GET, .pattern = "/x"}},
        {{.name = "a", .method = GET, .pattern = "/x"}, {.name = "b", .method = GET, .pattern = "/y", .aliases = {"/x"}}},
        {{.name = "a", .method = GET, .pattern = "/x/{i}"}, {.name = "b", .method = GET, .pattern = "/x/{i}"}},
        {{.name = "a", .method = GET, .pattern = "/x/{i}"}, {.name = "b", .method = PUT, .pattern = "/x/{other}"}},
        {{.name = "a", .method = GET, .pattern = "/x"}, {.name = "b", .method = GET, .pattern = "y"}},
        {{.name = "a", .method = GET, .pattern = "/x"}, {.name = "b", .method = GET, .pattern = "/y/"}},
        {{.name = "a", .method = GET, .pattern = "/x"}, {.name = "b", .method = GET, .pattern = "/y/a{i}"}},
        {{.name = "a", .method = GET, .pattern = "/x"}, {.name = "b", .method = GET, .pattern = "/y/{}"}},
        {{.name = "a", .method = GET, .pattern = "/x"}, {.name = "b", .method = GET, .pattern = "/{a}/{b}/{c}/{d}"}},
        {{.name = "a", .method = GET, .pattern = "/x"}, {.name = "b", .method = GET, .pattern = ""}},
    };
    /* clang-format on */
    for (size_t i = 0; i < COUNT(pairs); i++)
        CU_ASSERT_PTR_NULL(router_new_quietly(pairs[i], 2));
    struct router *router = router_new_quietly(pairs[0], 1);
    CU_ASSERT_PTR_NOT_NULL(router);
    router_free(router);
}

static void a_router_without_routes_finds_nothing(void)
{
    struct router *router = router_new(NULL, 0);
    struct route_match match;
    CU_ASSERT_PTR_NOT_NULL_FATAL(router);
    router_match(router, GET, STR("/"), false, &match);
    CU_ASSERT_PTR_NULL(match.route);
    CU_ASSERT_EQUAL(match.allowed_methods, 0);
    router_free(router);
    router_free(NULL);
}

static void allowed_methods_are_written_in_order(void)
{
    char text[64];
    router_allow_text(READ, text);
    CU_ASSERT_STRING_EQUAL(text, "GET, HEAD, OPTIONS");
    router_allow_text(0, text);
    CU_ASSERT_STRING_EQUAL(text, "");
    router_allow_text(~0U, text);
    CU_ASSERT_STRING_EQUAL(text, "GET, HEAD, POST, PUT, DELETE, OPTIONS");
}

static void methods_have_their_names(void)
{
    CU_ASSERT_EQUAL(http_method_of(STR("GET")), GET);
    CU_ASSERT_EQUAL(http_method_of(STR("DELETE")), DELETE);
    CU_ASSERT_EQUAL(http_method_of(STR("get")), OTHER_METHOD);
    CU_ASSERT_EQUAL(http_method_of(STR("")), OTHER_METHOD);
    CU_ASSERT_EQUAL(http_method_of(STR("OTHER")), OTHER_METHOD);
    for (enum http_method m = GET; m < OTHER_METHOD; m++)
        CU_ASSERT_EQUAL(http_method_of(str_of(http_method_name(m))), m);
}

void router_tests(void)
{
    CU_pSuite suite = CU_add_suite("router", NULL, NULL);
    CU_ADD_TEST(suite, paths_find_their_routes);
    CU_ADD_TEST(suite, sidecar_routes_exist_for_the_sidecar_only);
    CU_ADD_TEST(suite, routes_are_numbered_over_all_tables);
    CU_ADD_TEST(suite, tables_that_contradict_themselves_are_refused);
    CU_ADD_TEST(suite, a_router_without_routes_finds_nothing);
    CU_ADD_TEST(suite, allowed_methods_are_written_in_order);
    CU_ADD_TEST(suite, methods_have_their_names);
}

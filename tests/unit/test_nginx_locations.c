/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration that nginx gets from the route tables: texts that must and must not be in it.
 */
#include "app/ctl/nginx_locations.h"

#include <stdlib.h>

#include <CUnit/CUnit.h>

void nginx_locations_tests(void);

/* clang-format off */
static const struct route mixed[] = {
    {.name = "batch-submit",  .method = POST,   .pattern = "/batch",           .limit_per_minute = 10,  .flags = ROUTE_BIG_BODY},
    {.name = "batch-status",  .method = GET,    .pattern = "/batch/{id}",      .limit_per_minute = 30,  .aliases = {"/batch/status/{batch_id}"}},
    {.name = "batch-cancel",  .method = DELETE, .pattern = "/batch/{batch}",   .limit_per_minute = 10},
    {.name = "cohort-read",   .method = GET,    .pattern = "/cohorts/{id}",    .limit_per_minute = 20},
    {.name = "cohort-write",  .method = PUT,    .pattern = "/cohorts/{id}",    .limit_per_minute = 20,  .bucket = "cohort-read"},
    {.name = "metrics",       .method = GET,    .pattern = "/metrics",         .limit_per_minute = 50,  .flags = ROUTE_NETWORK_ALLOWLIST},
    {.name = "process",       .method = POST,   .pattern = "/process",         .limit_per_minute = 100, .flags = ROUTE_SIDECAR_TRUSTED},
    {.name = "dapr-events",   .method = POST,   .pattern = "/dapr/events",     .flags = ROUTE_SIDECAR_ONLY | ROUTE_UNLIMITED},
    {.name = "docs",          .method = GET,    .pattern = "/docs",            .limit_per_minute = 50,  .flags = ROUTE_STATIC_PAGE, .aliases = {"/redoc"}},
    {.name = "v1.openapi",    .method = GET,    .pattern = "/v1.0/{id}/x",     .limit_per_minute = 50},
};
static const struct route contradicting[] = {
    {.name = "a", .method = GET,  .pattern = "/a", .limit_per_minute = 10},
    {.name = "b", .method = POST, .pattern = "/b", .limit_per_minute = 20, .bucket = "a"},
};
/* clang-format on */

#define TABLE(rows)                                                                                \
    {                                                                                              \
        "all", (rows), sizeof(rows) / sizeof((rows)[0]), NULL                                      \
    }
static const struct route_table mixed_table = TABLE(mixed);
static const struct route_table contradicting_table = TABLE(contradicting);

/* The section as text, which the caller frees. */
static char *print_section(const struct route_table *table, enum nginx_section section,
                           int *ret_status)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    *ret_status = nginx_locations_print(out, table, 1, section);
    CU_ASSERT_EQUAL(fclose(out), 0);
    return text;
}

struct expected {
    enum nginx_section section;
    const char *text;
};

static const struct expected present[] = {
    {NGINX_MAPS, "map $bucket $limit_class {\n    default 50;\n"},
    {NGINX_MAPS, "    dapr-events 0;\n"},
    {NGINX_MAPS, "# /batch/{id}\nmap $request_method $bucket_1 {\n    default batch-status;\n"
                 "    GET batch-status;\n    HEAD batch-status;\n    DELETE batch-cancel;\n}\n"},
    {NGINX_MAPS, "    \"~^/batch$\" \"POST, OPTIONS\";\n"},
    {NGINX_MAPS, "    \"~^/batch/[^/]+$\" \"GET, HEAD, DELETE, OPTIONS\";\n"},
    {NGINX_PUBLIC, "location @method-not-allowed {\n    set $bucket other;\n"
                   "    include limit-public-50.conf;\n    fastcgi_pass engine;\n}\n"},
    {NGINX_PUBLIC, "location ~ \"^/batch/[^/]+$\" {\n    set $bucket $bucket_1;\n"
                   "    include limit-public-30.conf;\n    include limit-public-10.conf;\n"},
    {NGINX_PUBLIC, "location ~ \"^/batch/status/[^/]+$\" {\n    set $bucket batch-status;\n"},
    {NGINX_PUBLIC, "location ~ \"^/cohorts/[^/]+$\" {\n    set $bucket cohort-read;\n"
                   "    include limit-public-20.conf;\n    include engine.conf;\n}\n"},
    {NGINX_PUBLIC, "location = /batch {\n    set $bucket batch-submit;\n"
                   "    include limit-public-10.conf;\n    client_max_body_size 4m;\n"},
    {NGINX_PUBLIC, "    include metrics-allow.conf;\n    set $engine_accept $http_accept;\n"},
    {NGINX_PUBLIC, "location ~ \"^/v1\\.0/[^/]+/x$\" {\n"},
    {NGINX_PUBLIC, "location / {\n    set $bucket other;\n    include limit-public-50.conf;\n"},
    {NGINX_PUBLIC, "location = /redoc {\n    set $bucket docs;\n    include limit-public-50.conf;\n"
                   "    include docs.conf;\n}\n"},
    {NGINX_SIDECAR,
     "location = /docs {\n    set $bucket docs;\n    include limit-sidecar-50.conf;\n"
     "    include docs.conf;\n}\n"},
    {NGINX_SIDECAR, "location = /dapr/events {\n    set $bucket dapr-events;\n"
                    "    include engine.conf;\n}\n"},
    {NGINX_SIDECAR, "    set $bucket process;\n    set $limit_exempt $http_dapr_api_token;\n"
                    "    include limit-sidecar-100.conf;\n"},
};

static const struct expected absent[] = {
    {NGINX_PUBLIC, "/dapr"},   {NGINX_PUBLIC, "$limit_exempt"},   {NGINX_PUBLIC, "sidecar"},
    {NGINX_SIDECAR, "public"}, {NGINX_SIDECAR, "sidecar-0.conf"}, {NGINX_MAPS, "location"},
    {NGINX_MAPS, "~^/dapr"},
};

static bool is_printed(const struct expected *expected)
{
    int status = -1;
    char *text = print_section(&mixed_table, expected->section, &status);
    bool found = strstr(text, expected->text) != NULL;

    CU_ASSERT_EQUAL(status, 0);
    free(text);
    return found;
}

static void rows_become_locations_limits_and_maps(void)
{
    for (size_t i = 0; i < sizeof(present) / sizeof(present[0]); i++)
        CU_ASSERT_TRUE(is_printed(&present[i]));
}

static void servers_show_only_what_is_theirs(void)
{
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        CU_ASSERT_FALSE(is_printed(&absent[i]));
}

static void literal_segments_come_before_parameters(void)
{
    static const struct route rows[] = {
        {.name = "any", .method = GET, .pattern = "/consent/{id}/last", .limit_per_minute = 1},
        {.name = "own", .method = GET, .pattern = "/consent/status/{id}", .limit_per_minute = 1},
    };
    const struct route_table table = TABLE(rows);
    int status = -1;
    char *text = print_section(&table, NGINX_PUBLIC, &status);
    const char *own = strstr(text, "status/[^/]+"), *any = strstr(text, "[^/]+/last");

    CU_ASSERT_PTR_NOT_NULL_FATAL(own);
    CU_ASSERT_PTR_NOT_NULL_FATAL(any);
    CU_ASSERT_TRUE(own < any);
    free(text);
}

static void one_budget_with_two_limits_is_refused(void)
{
    int status = 0;

    free(print_section(&contradicting_table, NGINX_MAPS, &status));
    CU_ASSERT_EQUAL(status, -1);
}

static void a_full_disk_is_reported(void)
{
    FILE *full = fopen("/dev/full", "w");

    CU_ASSERT_PTR_NOT_NULL_FATAL(full);
    CU_ASSERT_EQUAL(nginx_locations_print(full, &mixed_table, 1, NGINX_PUBLIC), -1);
    (void)fclose(full);
}

void nginx_locations_tests(void)
{
    CU_pSuite suite = CU_add_suite("nginx_locations", NULL, NULL);

    CU_add_test(suite, "rows become locations, limits and maps",
                rows_become_locations_limits_and_maps);
    CU_add_test(suite, "servers show only what is theirs", servers_show_only_what_is_theirs);
    CU_add_test(suite, "literal segments come before parameters",
                literal_segments_come_before_parameters);
    CU_add_test(suite, "one budget with two limits is refused",
                one_budget_with_two_limits_is_refused);
    CU_add_test(suite, "a full disk is reported", a_full_disk_is_reported);
}

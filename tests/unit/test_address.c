/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/redis_url.h"

#include <CUnit/CUnit.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

void address_tests(void);

static void a_url_is_parsed(void)
{
    static const struct {
        const char *url, *path, *host;
        int port;
        const char *user, *database;
    } rows[] = {
        {"unix:///run/redis.sock", "/run/redis.sock", "", 0, "", ""},
        {"redis://localhost", NULL, "localhost", 6379, "", ""},
        {"redis://127.0.0.1:6380", NULL, "127.0.0.1", 6380, "", ""},
        {"redis://127.0.0.1:6380/", NULL, "127.0.0.1", 6380, "", ""},
        {"redis://h:1/0", NULL, "h", 1, "", "0"},
        {"redis://app@h:65535/65535", NULL, "h", 65535, "app", "65535"},
        {"redis://app@h", NULL, "h", 6379, "app", ""},
        {"redis://[::1]:6380/3", NULL, "::1", 6380, "", "3"},
        {"redis://[fe80::1]", NULL, "fe80::1", 6379, "", ""},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct redis_url got;

        CU_ASSERT_PTR_NULL_FATAL(redis_url_parse(rows[i].url, &got));
        if (rows[i].path)
            CU_ASSERT_STRING_EQUAL(got.path, rows[i].path);
        CU_ASSERT_EQUAL(got.path == NULL, rows[i].path == NULL);
        CU_ASSERT_STRING_EQUAL(got.host, rows[i].host);
        CU_ASSERT_EQUAL(got.port, rows[i].port);
        CU_ASSERT_TRUE(str_equal(got.user, str_of(rows[i].user)));
        CU_ASSERT_TRUE(str_equal(got.database, str_of(rows[i].database)));
    }
}

static void other_urls_are_refused(void)
{
    static const char *const bad[] = {
        "",
        "redis",
        "rediss://h",
        "http://h",
        "unix://",
        "redis://",
        "redis://:1",
        "redis://h:",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:x",
        "redis://h:1x",
        "redis://h/x",
        "redis://h/-1",
        "redis://h/65536",
    };

    for (size_t i = 0; i < COUNT(bad); i++) {
        struct redis_url got;

        CU_ASSERT_PTR_NOT_NULL(redis_url_parse(bad[i], &got));
    }
}

static void a_host_may_be_255_bytes_long_and_no_longer(void)
{
    char url[8 + 256 + 1] = "redis://";
    struct redis_url got;

    memset(url + 8, 'h', 256);
    CU_ASSERT_PTR_NOT_NULL(redis_url_parse(url, &got));
    url[8 + 255] = '\0';
    CU_ASSERT_PTR_NULL(redis_url_parse(url, &got));
    CU_ASSERT_EQUAL(strlen(got.host), 255);
}

void address_tests(void)
{
    CU_pSuite suite = CU_add_suite("address", NULL, NULL);

    CU_add_test(suite, "a URL is taken apart", a_url_is_parsed);
    CU_add_test(suite, "what is no address is refused", other_urls_are_refused);
    CU_add_test(suite, "a host may be 255 bytes long and no longer",
                a_host_may_be_255_bytes_long_and_no_longer);
}

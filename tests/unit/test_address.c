/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/redis_url.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

void address_tests(void);

/* hosts: as "name port" separated by commas. */
static void a_url_is_parsed(void)
{
    static const struct {
        const char *url, *path, *hosts, *user, *database, *master;
        bool is_secure, is_cluster;
    } rows[] = {
        {"unix:///run/redis.sock", "/run/redis.sock", "", "", "", "", false, false},
        {"redis://localhost", NULL, "localhost 6379", "", "", "", false, false},
        {"redis://127.0.0.1:6380", NULL, "127.0.0.1 6380", "", "", "", false, false},
        {"redis://127.0.0.1:6380/", NULL, "127.0.0.1 6380", "", "", "", false, false},
        {"redis://h:1/0", NULL, "h 1", "", "0", "", false, false},
        {"redis://app@h:65535/65535", NULL, "h 65535", "app", "65535", "", false, false},
        {"redis://app@h", NULL, "h 6379", "app", "", "", false, false},
        {"redis://a%40b%25@h", NULL, "h 6379", "a@b%", "", "", false, false},
        {"redis://a@b@h", NULL, "h 6379", "a@b", "", "", false, false},
        {"redis://[::1]:6380/3", NULL, "::1 6380", "", "3", "", false, false},
        {"redis://[fe80::1]", NULL, "fe80::1 6379", "", "", "", false, false},
        {"redis://[::ffff:127.0.0.1]", NULL, "::ffff:127.0.0.1 6379", "", "", "", false, false},
        {"rediss://redis.example", NULL, "redis.example 6379", "", "", "", true, false},
        {"rediss://app@[::1]:6380/3", NULL, "::1 6380", "app", "3", "", true, false},
        {"redis+sentinel://s/m", NULL, "s 26379", "", "", "m", false, false},
        {"redis+sentinel://s/m/", NULL, "s 26379", "", "", "m", false, false},
        {"redis+sentinel://s1,s2:1,[::1]:2/my.master-1_x/7", NULL, "s1 26379,s2 1,::1 2", "", "7",
         "my.master-1_x", false, false},
        {"rediss+sentinel://app@s1,s2/m", NULL, "s1 26379,s2 26379", "app", "", "m", true, false},
        {"redis+sentinel://1,2,3,4,5,6,7,8/m", NULL,
         "1 26379,2 26379,3 26379,4 26379,5 26379,6 26379,7 26379,8 26379", "", "", "m", false,
         false},
        {"redis://h/?cluster", NULL, "h 6379", "", "", "", false, true},
        {"redis://h?cluster", NULL, "h 6379", "", "", "", false, true},
        {"redis://app@a,b:1,[::1]:2/0?cluster", NULL, "a 6379,b 1,::1 2", "app", "0", "", false,
         true},
        {"rediss://a,b/?cluster", NULL, "a 6379,b 6379", "", "", "", true, true},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct redis_url got;
        char hosts[256] = "";
        size_t n = 0;

        CU_ASSERT_PTR_NULL_FATAL(redis_url_parse(rows[i].url, &got));
        if (rows[i].path)
            CU_ASSERT_STRING_EQUAL(got.path, rows[i].path);
        CU_ASSERT_EQUAL(got.path == NULL, rows[i].path == NULL);
        for (size_t k = 0; k < got.host_count; k++)
            n += (size_t)snprintf(hosts + n, sizeof(hosts) - n, "%s%s %d", k ? "," : "",
                                  got.hosts[k].name, got.hosts[k].port);
        CU_ASSERT_STRING_EQUAL(hosts, rows[i].hosts);
        CU_ASSERT_STRING_EQUAL(got.user, rows[i].user);
        CU_ASSERT_TRUE(str_equal(got.database, str_of(rows[i].database)));
        CU_ASSERT_TRUE(str_equal(got.master, str_of(rows[i].master)));
        CU_ASSERT_EQUAL(got.is_secure, rows[i].is_secure);
        CU_ASSERT_EQUAL(got.is_cluster, rows[i].is_cluster);
    }
}

/* says: a part of the message, which tells what to write. */
static void other_urls_are_refused(void)
{
    static const struct {
        const char *url, *says;
    } rows[] = {
        {"", "must begin with redis://"},
        {"redis", "must begin with redis://"},
        {"redis:h", "must begin with redis://"},
        {"REDIS://h", "must begin with redis://"},
        {"http://h", "must begin with redis://"},
        {"localhost:6379", "as in redis://localhost:6379/0"},
        {"/run/redis.sock", "unix:///path/to.sock"},
        {"unix:/run/redis.sock", "unix:///path/to.sock"},
        {"unix://", "must begin with /"},
        {"unix:///", "must begin with /"},
        {"unix://run/redis.sock", "must begin with /"},
        {"redis+unix:///run/redis.sock", "unix:///path/to.sock"},
        {"redis+socket:///run/redis.sock", "unix:///path/to.sock"},
        {"tcp://h:6379", "redis://host:port"},
        {"tls://h", "rediss://"},
        {"redis+tls://h", "rediss://"},
        {"valkey://h", "redis://"},
        {"valkeys://h", "rediss://"},
        {"sentinel://h/m", "redis+sentinel://"},
        {"redis-sentinel://h:26379/0#m", "redis+sentinel://"},
        {"redis+cluster://h", "redis://host:6379,host:6379/?cluster"},
        {"rediss+cluster://h", "rediss://host/?cluster"},
        {"redis://a,b,c", "redis+sentinel://"},
        {"redis://a,b,c", "redis://host:6379,host:6379/?cluster"},
        {"redis://a,b,c/?clusters", "the only option after ? is cluster"},
        {"redis://a,b/?cluster=1", "the only option after ? is cluster"},
        {"redis://a,b/?x&?cluster", "the only option after ? is cluster"},
        {"redis://a,b/1?cluster", "only the database 0"},
        {"redis://a,b/x?cluster", "the database is not"},
        {"redis://a,/?cluster", "after the last comma"},
        {"redis://1,2,3,4,5,6,7,8,9/?cluster", "more than 8"},
        {"redis+sentinel://a,b/m?cluster", "sentinels know no Redis Cluster"},
        {"redis://h?db=1", "the only option after ? is cluster"},
        {"redis://h/0#x", "the only option after ? is cluster"},
        {"redis://", "the host is missing"},
        {"redis:///0", "the host is missing"},
        {"redis://:1", "the host is missing"},
        {"redis://h_\x7f", "the host is missing"},
        {"redis://[]", "the host is missing"},
        {"redis://[h]", "the host is missing"},
        {"redis://[::1", "the host is missing"},
        {"redis://[fe80::1%25eth0]", "the host is missing"},
        {"redis://::1", "brackets"},
        {"redis://2001:db8::1:6379/0", "brackets"},
        {"redis+sentinel://h,2001:db8::1/m", "brackets"},
        {"redis://h:", "the port is not"},
        {"redis://h:0", "the port is not"},
        {"redis://h:65536", "the port is not"},
        {"redis://h:x", "the port is not"},
        {"redis://h:1x", "the port is not"},
        {"redis://[::1]6379", "the port is not"},
        {"redis://h/x", "the database is not"},
        {"redis://h/-1", "the database is not"},
        {"redis://h/65536", "the database is not"},
        {"redis://h/0/1", "the database is not"},
        {"redis://h/mymaster", "the database is not"},
        {"redis://@h", "the user before @ is empty"},
        {"redis://u:hunter2@h", "REDIS_PASSWORD"},
        {"redis://:hunter2@h", "REDIS_PASSWORD"},
        {"rediss://u:hunter%402@h", "REDIS_PASSWORD"},
        {"redis://u:hunter@2@h", "REDIS_PASSWORD"},
        {"redis://u%4@h", "two hexadecimal digits"},
        {"redis://u%00@h", "a space or a NUL"},
        {"redis://u v@h", "a space or a NUL"},
        {"redis+sentinel://h", "the name of the master is missing"},
        {"redis+sentinel://h/", "the name of the master is missing"},
        {"redis+sentinel://h//0", "the name of the master is missing"},
        {"redis+sentinel://h/my master", "the name of the master is missing"},
        {"redis+sentinel:///m", "the host is missing"},
        {"redis+sentinel://h,/m", "after the last comma"},
        {"redis+sentinel://,h/m", "the host is missing"},
        {"redis+sentinel://h/m/x", "the database is not"},
        {"redis+sentinel://1,2,3,4,5,6,7,8,9/m", "more than 8"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct redis_url got;
        const char *error = redis_url_parse(rows[i].url, &got);

        CU_ASSERT_PTR_NOT_NULL_FATAL(error);
        if (!strstr(error, rows[i].says))
            (void)printf("\n%s: %s\n", rows[i].url, error);
        CU_ASSERT_PTR_NOT_NULL(strstr(error, rows[i].says));
        CU_ASSERT_PTR_NULL(strstr(error, "hunter"));
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
    CU_ASSERT_EQUAL(strlen(got.hosts[0].name), 255);
}

static void a_user_may_be_127_bytes_long_and_no_longer(void)
{
    char url[8 + 128 + 3] = "redis://";
    struct redis_url got;

    memset(url + 8, 'u', 128);
    memcpy(url + 8 + 128, "@h", 3);
    CU_ASSERT_PTR_NOT_NULL(redis_url_parse(url, &got));
    memcpy(url + 8 + 127, "@h", 3);
    CU_ASSERT_PTR_NULL(redis_url_parse(url, &got));
    CU_ASSERT_EQUAL(strlen(got.user), 127);
}

void address_tests(void)
{
    CU_pSuite suite = CU_add_suite("address", NULL, NULL);

    CU_add_test(suite, "a URL is taken apart", a_url_is_parsed);
    CU_add_test(suite, "what is no address is refused", other_urls_are_refused);
    CU_add_test(suite, "a host may be 255 bytes long and no longer",
                a_host_may_be_255_bytes_long_and_no_longer);
    CU_add_test(suite, "a user may be 127 bytes long and no longer",
                a_user_may_be_127_bytes_long_and_no_longer);
}

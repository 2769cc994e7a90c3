/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/public_address.h"

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

void public_address_tests(void);

static bool is_public(const char *text)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &in4.sin_addr) == 1)
        return address_is_public((const struct sockaddr *)&in4, sizeof(in4));
    CU_ASSERT_EQUAL_FATAL(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return address_is_public((const struct sockaddr *)&in6, sizeof(in6));
}

static void what_is_not_public_is_refused(void)
{
    static const char *const texts[] = {
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "169.254.0.0",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.5",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:8.8.8.8",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "100::1",
        "2001::1",
        "2001:1ff::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "3fff:fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "4000::1",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (is_public(texts[i]))
            CU_FAIL(texts[i]);
    }
}

static void what_is_public_is_taken(void)
{
    static const char *const texts[] = {
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2606:4700:4700::1111",
        "3ffe::1",
        "3fff:1000::1",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!is_public(texts[i]))
            CU_FAIL(texts[i]);
    }
}

static void other_families_and_cut_addresses_are_refused(void)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in4 = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

    CU_ASSERT_FALSE(address_is_public((const struct sockaddr *)&un, sizeof(un)));
    CU_ASSERT_EQUAL(inet_pton(AF_INET, "8.8.8.8", &in4.sin_addr), 1);
    CU_ASSERT_FALSE(address_is_public((const struct sockaddr *)&in4, sizeof(in4) - 1));
    CU_ASSERT_EQUAL(inet_pton(AF_INET6, "2606::1", &in6.sin6_addr), 1);
    CU_ASSERT_FALSE(address_is_public((const struct sockaddr *)&in6, sizeof(in6) - 1));
}

#define TEST(function) CU_add_test(suite, #function, function)

void public_address_tests(void)
{
    CU_pSuite suite = CU_add_suite("public address", NULL, NULL);

    TEST(what_is_not_public_is_refused);
    TEST(what_is_public_is_taken);
    TEST(other_families_and_cut_addresses_are_refused);
}

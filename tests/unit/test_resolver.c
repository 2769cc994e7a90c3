/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/runtime/resolver.h"

#include <CUnit/CUnit.h>
#include <netinet/in.h>
#include <poll.h>

void resolver_tests(void);

static void a_numeric_host_is_known_without_a_lookup(void)
{
    struct resolver *resolver = resolver_new("192.0.2.7", 6379);
    const struct sockaddr_in *v4;
    const struct sockaddr_in6 *v6;
    socklen_t length;

    CU_ASSERT_PTR_NOT_NULL_FATAL(resolver);
    resolver_start(resolver);
    CU_ASSERT_EQUAL(resolver_poll(resolver), RESOLVER_RESOLVED);
    CU_ASSERT_EQUAL(resolver_fd(resolver), -1);
    CU_ASSERT_EQUAL_FATAL(resolver_count(resolver), 1);
    v4 = (const struct sockaddr_in *)resolver_address(resolver, 0, &length);
    CU_ASSERT_EQUAL(length, sizeof(*v4));
    CU_ASSERT_EQUAL(v4->sin_family, AF_INET);
    CU_ASSERT_EQUAL(ntohs(v4->sin_port), 6379);
    CU_ASSERT_EQUAL(ntohl(v4->sin_addr.s_addr), 0xc0000207);
    resolver_free(resolver);

    resolver = resolver_new("::1", 65535);
    CU_ASSERT_PTR_NOT_NULL_FATAL(resolver);
    v6 = (const struct sockaddr_in6 *)resolver_address(resolver, 0, &length);
    CU_ASSERT_EQUAL(length, sizeof(*v6));
    CU_ASSERT_EQUAL(v6->sin6_family, AF_INET6);
    CU_ASSERT_EQUAL(ntohs(v6->sin6_port), 65535);
    CU_ASSERT_TRUE(IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr));
    resolver_free(resolver);
}

/* Waits until the lookup ends, as an event loop does. */
static enum resolver_state wait_for_lookup(struct resolver *resolver)
{
    while (resolver_poll(resolver) == RESOLVER_RUNNING) {
        struct pollfd ready = {.fd = resolver_fd(resolver), .events = POLLIN};

        (void)poll(&ready, 1, -1);
    }
    return resolver_poll(resolver);
}

static void a_name_is_looked_up_in_a_thread(void)
{
    struct resolver *resolver = resolver_new("localhost", 6379);
    socklen_t length;

    CU_ASSERT_PTR_NOT_NULL_FATAL(resolver);
    for (int i = 0; i < 2; i++) {
        resolver_start(resolver);
        resolver_start(resolver); /* the first one continues */
        CU_ASSERT_EQUAL(wait_for_lookup(resolver), RESOLVER_RESOLVED);
        CU_ASSERT_TRUE_FATAL(resolver_count(resolver) > 0);
        CU_ASSERT_EQUAL(resolver_address(resolver, 0, &length)->sa_family, AF_INET);
    }
    resolver_start(resolver);
    resolver_free(resolver); /* while the lookup may still run */
}

static void a_name_that_does_not_exist_fails(void)
{
    struct resolver *resolver = resolver_new("..", 6379); /* no name, for any name server */

    CU_ASSERT_PTR_NOT_NULL_FATAL(resolver);
    resolver_start(resolver);
    CU_ASSERT_EQUAL(wait_for_lookup(resolver), RESOLVER_FAILED);
    CU_ASSERT_EQUAL(resolver_count(resolver), 0);
    CU_ASSERT_NOT_EQUAL(*resolver_error(resolver), '\0');
    resolver_free(resolver);
}

void resolver_tests(void)
{
    CU_pSuite suite = CU_add_suite("resolver", NULL, NULL);

    CU_add_test(suite, "numeric", a_numeric_host_is_known_without_a_lookup);
    CU_add_test(suite, "name", a_name_is_looked_up_in_a_thread);
    CU_add_test(suite, "no such name", a_name_that_does_not_exist_fails);
}

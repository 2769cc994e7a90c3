/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decides by lists of networks whether an address is public. Callbacks connect only to public
 * addresses, so that a client cannot make the worker send requests into the operator's network
 * (server-side request forgery). */
#include "app/base/public_address.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

/* An address range: all addresses whose first `bits` bits are those of `bytes`. */
struct network {
    unsigned char bytes[16];
    unsigned bits;
};

/* Networks from RFC 6890 and IANA's registry of special-purpose IPv4 addresses, each with its
 * purpose there: a public server has no address in them. */
static const struct network not_public_4[] = {
    {{0}, 8},             /* "this network": no destination, but Linux connects 0.0.0.0 to itself */
    {{10}, 8},            /* private */
    {{100, 64}, 10},      /* private networks of Internet providers, behind their NAT (RFC 6598) */
    {{127}, 8},           /* loopback */
    {{169, 254}, 16},     /* link-local, and the metadata services of clouds */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocol assignments */
    {{192, 0, 2}, 24},    /* documentation */
    {{192, 88, 99}, 24},  /* relays to 6to4 */
    {{192, 168}, 16},     /* private */
    {{198, 18}, 15},      /* laboratory networks that measure network devices (RFC 2544) */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24},  /* documentation */
    {{224}, 3},           /* multicast, reserved, broadcast */
};

/* The one network of public IPv6 addresses, except for its parts that not_public_6 lists. */
static const struct network global_unicast_6 = {{0x20}, 3};
static const struct network not_public_6[] = {
    {{0x20, 0x01}, 23},             /* protocol assignments, Teredo among them */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02}, 16},             /* 6to4, whose addresses contain an IPv4 address */
    {{0x3f, 0xff}, 20},             /* documentation */
};

/* Returns whether the first network->bits bits of address are those of the network: whole bytes,
 * then the upper bits of the byte after them. */
static bool is_in_network(const unsigned char *address, const struct network *network)
{
    unsigned bytes = network->bits / 8, bits = network->bits % 8;
    unsigned mask = bits > 0 ? (0xffu << (8 - bits)) & 0xffu : 0;

    return memcmp(address, network->bytes, bytes) == 0 &&
           (mask == 0 || (address[bytes] & mask) == (network->bytes[bytes] & mask));
}

/* Returns whether the address is in at least one of the `count` networks. */
static bool is_in_any_network(const unsigned char *address, const struct network *networks,
                              size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_in_network(address, &networks[i]))
            return true;
    }
    return false;
}

/* Checks the address against the lists of its family. The address is copied first, because
 * `address` may not be aligned for the type of its family. */
bool address_is_public(const struct sockaddr *address, size_t size)
{
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;

    if (size >= sizeof(in4) && address->sa_family == AF_INET) {
        memcpy(&in4, address, sizeof(in4));
        return !is_in_any_network((const unsigned char *)&in4.sin_addr, not_public_4,
                                  sizeof(not_public_4) / sizeof(not_public_4[0]));
    }
    if (size >= sizeof(in6) && address->sa_family == AF_INET6) {
        memcpy(&in6, address, sizeof(in6));
        return is_in_network(in6.sin6_addr.s6_addr, &global_unicast_6) &&
               !is_in_any_network(in6.sin6_addr.s6_addr, not_public_6,
                                  sizeof(not_public_6) / sizeof(not_public_6[0]));
    }
    return false;
}

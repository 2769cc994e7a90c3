/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Distinguishes addresses of the public Internet from all others. */
#ifndef BASE_PUBLIC_ADDRESS_H
#define BASE_PUBLIC_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* Returns whether an address is public. False for addresses that are loopback, private, link-local
 * (among them the metadata service of a cloud), multicast or reserved, for IPv6 addresses that can
 * contain such an IPv4 address (by IANA's registries of special-purpose addresses), and for
 * families other than IPv4 and IPv6. size: bytes at address. */
bool address_is_public(const struct sockaddr *address, size_t size);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which addresses belong to the public Internet. */
#ifndef BASE_PUBLIC_ADDRESS_H
#define BASE_PUBLIC_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* False for whatever is loopback, private, link-local (the cloud's metadata service among it),
 * multicast, reserved, or may carry such an address inside (IANA's special-purpose registries), and
 * for anything that is not IPv4 or IPv6. */
bool address_is_public(const struct sockaddr *address, size_t size);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where Redis is: unix:///path or redis://[user@]host[:port][/database]. */
#ifndef BASE_REDIS_URL_H
#define BASE_REDIS_URL_H

#include "app/base/str.h"

struct redis_url {
    const char *path; /* Unix socket, in the URL; NULL: host and port */
    char host[256];   /* name or address, IPv6 without brackets */
    int port;
    struct str user;     /* empty: none; in the URL */
    struct str database; /* digits, in the URL; empty: 0 */
};

/* Fills *ret, whose texts live as long as url, and returns NULL; else returns what is wrong with
 * the URL, to be printed after its name. A password is refused, because URLs are printed and
 * logged. */
const char *redis_url_parse(const char *url, struct redis_url *ret);

#endif

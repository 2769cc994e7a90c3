/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The address of Redis: unix:///path or redis://[user@]host[:port][/database]. */
#ifndef BASE_REDIS_URL_H
#define BASE_REDIS_URL_H

#include "app/base/str.h"

struct redis_url {
    /* Path of a Unix socket, pointing into the URL; NULL: host and port are used. */
    const char *path;
    char host[256]; /* name or address, IPv6 without brackets; "" for a Unix socket */
    int port;
    struct str user; /* user name, pointing into the URL; empty: none */
    /* Number of the database as digits, pointing into the URL; empty: database 0. */
    struct str database;
};

/* Parses url into *ret, whose texts point into url. Returns NULL when the URL is valid, else a
 * message that says what is wrong with it, to be printed after the name of the setting. A password
 * in the URL is refused, because URLs are printed and logged. */
const char *redis_url_parse(const char *url, struct redis_url *ret);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The address of Redis: of one server, redis://[user@]host[:port][/database], of a Unix socket,
 * unix:///path, of some nodes of a Redis Cluster,
 * redis://[user@]host[:port][,host[:port]...]/?cluster, or of the sentinels that know the server,
 * redis+sentinel://[user@]host[:port][,host[:port]...]/MASTER[/database]. With rediss the
 * connections to servers and sentinels use TLS. */
#ifndef BASE_REDIS_URL_H
#define BASE_REDIS_URL_H

#include "app/base/str.h"

enum { REDIS_URL_HOSTS_MAX = 8, REDIS_URL_USER_SIZE = 128 };

struct redis_host {
    char name[256]; /* name or address, IPv6 without brackets */
    int port;
};

struct redis_url {
    /* Path of a Unix socket, pointing into the URL; NULL: the hosts are used. */
    const char *path;
    struct redis_host hosts[REDIS_URL_HOSTS_MAX];
    size_t host_count; /* 0: a Unix socket */
    bool is_secure;    /* TLS */
    bool is_cluster;   /* all hosts are nodes of one Redis Cluster, which may have more */
    struct str master; /* not empty: the hosts are sentinels, which know this master */
    char user[REDIS_URL_USER_SIZE]; /* decoded; "": none */
    /* Number of the database as digits, pointing into the URL; empty: database 0. */
    struct str database;
};

/* Parses url into *ret, whose texts point into url. Returns NULL when the URL is valid, else a
 * message that says what is wrong with it and what to write instead, to be printed after the name
 * of the setting. A password in the URL is refused, because URLs are printed and logged. */
const char *redis_url_parse(const char *url, struct redis_url *ret);

#endif

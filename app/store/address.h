/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The address of Redis, parsed from REDIS_URL. */
#ifndef STORE_ADDRESS_H
#define STORE_ADDRESS_H

#include "app/base/str.h"

struct store_address {
    const char *path; /* of a Unix socket; NULL: host and port are used */
    char host[256];
    int port;
    struct str user;     /* empty: none. Points into the URL */
    struct str database; /* digits; empty: database 0. Points into the URL */
};

/* Accepts unix:///path or redis://[user@]host[:port][/database]. url must outlive *ret. False with
 * the reason in ret_error. */
bool store_address_parse(const char *url, struct store_address *ret, char ret_error[200]);

#endif

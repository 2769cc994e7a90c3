/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where Redis is: REDIS_URL taken apart. */
#ifndef STORE_ADDRESS_H
#define STORE_ADDRESS_H

#include "app/base/str.h"

struct store_address {
    const char *path; /* unix socket; NULL: host and port */
    char host[256];
    int port;
    struct str user;     /* empty: none; points into the URL */
    struct str database; /* digits; empty: 0 */
};

/* unix:///path or redis://[user@]host[:port][/database]. url must outlive *ret. */
bool store_address_parse(const char *url, struct store_address *ret, char ret_error[200]);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/address.h"

#include <stdio.h>

static bool parse_host(struct str rest, struct store_address *ret)
{
    struct str host = rest, port = STR("6379");
    const char *colon;
    int64_t number;

    if (rest.n > 0 && rest.p[0] == '[') { /* [::1]:6379 */
        rest = (struct str){rest.p + 1, rest.n - 1};
        host = str_cut(&rest, ']');
        colon = rest.n > 0 && rest.p[0] == ':' ? rest.p : NULL;
    } else {
        colon = memchr(rest.p, ':', rest.n);
        if (colon)
            host.n = (size_t)(colon - rest.p);
    }
    if (colon)
        port = (struct str){colon + 1, (size_t)(rest.p + rest.n - colon - 1)};
    if (host.n == 0 || host.n >= sizeof(ret->host) || !str_to_int64(port, 1, 65535, &number))
        return false;
    memcpy(ret->host, host.p, host.n);
    ret->host[host.n] = '\0';
    ret->port = (int)number;
    return true;
}

bool store_address_parse(const char *url, struct store_address *ret, char ret_error[200])
{
    struct str rest = str_of(url), host;
    const char *at;
    int64_t database;

    *ret = (struct store_address){0};
    if (str_starts_with(rest, STR("unix://")) && rest.n > 7) {
        ret->path = url + 7;
        return true;
    }
    if (!str_starts_with(rest, STR("redis://")))
        goto bad;
    rest = (struct str){rest.p + 8, rest.n - 8};
    at = memchr(rest.p, '@', rest.n);
    if (at)
        ret->user = str_cut(&rest, '@');
    host = str_cut(&rest, '/');
    ret->database = rest;
    if (parse_host(host, ret) && (rest.n == 0 || str_to_int64(rest, 0, 65535, &database)))
        return true;
bad:
    (void)snprintf(ret_error, 200,
                   "REDIS_URL must be unix:///path or redis://[user@]host[:port][/database]");
    return false;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parses REDIS_URL. What is before @ is a user name only: the password comes from REDIS_PASSWORD,
 * so that the URL may be logged. */
#include "app/store/address.h"

#include <stdio.h>

/* HOST, HOST:PORT, [IPv6] or [IPv6]:PORT. */
static bool address_parse_host(struct str text, struct store_address *ret)
{
    struct str host = text, port = STR("6379");
    const char *colon;
    int64_t number;

    if (text.n > 0 && text.p[0] == '[') {
        text = (struct str){text.p + 1, text.n - 1};
        host = str_cut(&text, ']');
        colon = text.n > 0 && text.p[0] == ':' ? text.p : NULL;
    } else {
        colon = memchr(text.p, ':', text.n);
        if (colon)
            host.n = (size_t)(colon - text.p);
    }
    if (colon)
        port = (struct str){colon + 1, (size_t)(text.p + text.n - colon - 1)};
    if (host.n == 0 || host.n >= sizeof(ret->host) || !str_to_int64(port, 1, 65535, &number))
        return false;
    memcpy(ret->host, host.p, host.n);
    ret->host[host.n] = '\0';
    ret->port = (int)number;
    return true;
}

/* A URL that is neither of the two forms is refused as a whole; there are no other options. */
bool store_address_parse(const char *url, struct store_address *ret, char ret_error[200])
{
    struct str text = str_of(url), host;
    const char *at;
    int64_t database;

    *ret = (struct store_address){0};
    if (str_starts_with(text, STR("unix://")) && text.n > 7) {
        ret->path = url + 7;
        return true;
    }
    if (!str_starts_with(text, STR("redis://")))
        goto bad;
    text = (struct str){text.p + 8, text.n - 8};
    at = memchr(text.p, '@', text.n);
    if (at)
        ret->user = str_cut(&text, '@');
    host = str_cut(&text, '/');
    ret->database = text;
    if (address_parse_host(host, ret) && (text.n == 0 || str_to_int64(text, 0, 65535, &database)))
        return true;
bad:
    (void)snprintf(ret_error, 200,
                   "REDIS_URL must be unix:///path or redis://[user@]host[:port][/database]");
    return false;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The only parser of REDIS_URL: config.c uses it at start to check the setting, the store to
 * connect. URLs of HTTP are parsed by libcurl instead, because libcurl also connects to them. */
#include "app/base/redis_url.h"

#include <sys/un.h>

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

enum { DATABASE_MAX = 65535, DEFAULT_PORT = 6379 };

/* Whether all bytes of s are in `characters`. A NUL is refused first, because strchr finds the end
 * of `characters` for it. */
static bool is_only_of(struct str s, const char *characters)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\0' || !strchr(characters, s.p[i]))
            return false;
    return true;
}

/* Copies the host ("host" or "[::1]") at the start of *authority to ret->host. *authority then
 * holds the rest: empty, or the port with its colon. False when the host is empty, too long or has
 * a character that hosts do not have. */
static bool redis_url_cut_host(struct str *authority, struct redis_url *ret)
{
    struct str host = *authority;
    const char *allowed = DIGITS LETTERS "-._";

    if (host.n > 0 && *host.p == '[') {
        const char *end = memchr(host.p, ']', host.n);

        if (!end)
            return false;
        host = (struct str){host.p + 1, (size_t)(end - host.p) - 1};
        *authority = (struct str){end + 1, authority->n - host.n - 2};
        allowed = DIGITS "abcdefABCDEF:.";
    } else {
        const char *colon = host.n > 0 ? memchr(host.p, ':', host.n) : NULL;

        host.n = colon ? (size_t)(colon - host.p) : host.n;
        *authority = (struct str){host.p + host.n, authority->n - host.n};
    }
    if (host.n == 0 || host.n >= sizeof(ret->host) || !is_only_of(host, allowed))
        return false;
    memcpy(ret->host, host.p, host.n); /* the NUL after it is there: *ret was filled with zeros */
    return true;
}

/* Parses the part of a URL after redis://, "[user@]host[:port][/database]". Returns NULL when it
 * is valid, else the error message. */
static const char *redis_url_parse_tcp(struct str rest, struct redis_url *ret)
{
    struct str authority = str_cut(&rest, '/');
    int64_t port = DEFAULT_PORT, database;

    if (authority.n > 0 && memchr(authority.p, '@', authority.n)) {
        ret->user = str_cut(&authority, '@');
        if (ret->user.n > 0 && memchr(ret->user.p, ':', ret->user.n))
            return "a password does not belong here, but in REDIS_PASSWORD";
        if (ret->user.n == 0)
            return "the user before @ is empty";
    }
    if (!redis_url_cut_host(&authority, ret))
        return "the host is missing or not a host name or address";
    if (authority.n > 0 &&
        (*authority.p != ':' ||
         !str_to_int64((struct str){authority.p + 1, authority.n - 1}, 1, 65535, &port)))
        return "the port is not a whole number from 1 to 65535";
    if (rest.n > 0 && !str_to_int64(rest, 0, DATABASE_MAX, &database))
        return "the database is not a whole number from 0 to 65535";
    ret->port = (int)port;
    ret->database = rest;
    return NULL;
}

/* Chooses by the scheme: redis:// is parsed further, unix:// is followed by an absolute path.
 * rediss:// (with TLS) has a message of its own, because users often try it. */
const char *redis_url_parse(const char *url, struct redis_url *ret)
{
    static const struct str socket = STR_INIT("unix://"), tcp = STR_INIT("redis://");
    struct str text = str_of(url);

    *ret = (struct redis_url){0};
    if (str_starts_with(text, STR("rediss://")))
        return "TLS to Redis is not supported by this build; use a tunnel and redis:// or unix://";
    if (str_starts_with(text, tcp))
        return redis_url_parse_tcp((struct str){text.p + tcp.n, text.n - tcp.n}, ret);
    if (!str_starts_with(text, socket))
        return "must begin with unix:// or redis://";
    if (text.n < socket.n + 2 || text.p[socket.n] != '/')
        return "the path of the socket must begin with / : unix:///path/to.sock";
    /* The kernel's limit for the path of a Unix socket, which includes the NUL. */
    if (text.n - socket.n >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return "the path of the socket is longer than 107 bytes";
    ret->path = url + socket.n;
    return NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks the scheme and host of a URL. Only the beginning of the URL is parsed here; libcurl parses
 * the whole of it. */
#include "app/base/https_url.h"

/* Returns the host of an authority (the part between // and the path), without the port. An IPv6
 * address keeps its brackets. */
static struct str host_of(struct str authority)
{
    const char *end = authority.n > 0 && authority.p[0] == '['
                          ? memchr(authority.p, ']', authority.n)
                          : memchr(authority.p, ':', authority.n);

    if (end)
        authority.n = (size_t)(end - authority.p) + (*end == ']');
    return authority;
}

static bool is_of_this_machine(struct str host)
{
    return str_equal(host, STR("localhost")) || str_equal(host, STR("127.0.0.1")) ||
           str_equal(host, STR("[::1]"));
}

/* Checks scheme, characters and host. A user name before an @ is refused: it could be mistaken for
 * the host, and may contain a password. Characters that no URL has are refused, because libcurl
 * would send them to the server. A backslash ends the authority like a slash, because some parsers
 * read it as one. 8 and 7 are the lengths of "https://" and "http://". */
const char *https_url_error(struct str url, bool permit_http)
{
    bool is_https = str_starts_with(url, STR("https://"));
    size_t scheme = is_https ? 8 : 7, n = 0;
    struct str authority;

    if (!is_https && !str_starts_with(url, STR("http://")))
        return "does not begin with https://";
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] > '~')
            return "has a character that is not allowed in a URL";
    authority = (struct str){url.p + scheme, url.n - scheme};
    while (n < authority.n && !memchr("/?#\\", authority.p[n], 4))
        n++;
    authority.n = n;
    if (host_of(authority).n == 0)
        return "has no host";
    if (memchr(authority.p, '@', authority.n))
        return "has a user name before the host";
    if (!is_https && !permit_http && !is_of_this_machine(host_of(authority)))
        return "does not begin with https://, as it must unless the host is this machine";
    return NULL;
}

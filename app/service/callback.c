/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/callback.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "app/base/ids.h"

/* The parts of a URL that count here; NULL: it has none. */
struct parts {
    char *scheme, *user, *password, *host, *port;
    char *default_port; /* of the scheme */
};

/* CURLU's own reading is what the connection will be made by: no second parser to disagree. */
static bool take_apart(const char *url, struct parts *ret)
{
    CURLU *u = curl_url();
    CURLUcode made = u ? curl_url_set(u, CURLUPART_URL, url, 0) : CURLUE_OUT_OF_MEMORY;

    *ret = (struct parts){0};
    if (made == CURLUE_OK) {
        (void)curl_url_get(u, CURLUPART_SCHEME, &ret->scheme, 0);
        (void)curl_url_get(u, CURLUPART_USER, &ret->user, 0);
        (void)curl_url_get(u, CURLUPART_PASSWORD, &ret->password, 0);
        (void)curl_url_get(u, CURLUPART_HOST, &ret->host, 0);
        (void)curl_url_get(u, CURLUPART_PORT, &ret->port, CURLU_DEFAULT_PORT);
        (void)curl_url_set(u, CURLUPART_PORT, NULL, 0);
        (void)curl_url_get(u, CURLUPART_PORT, &ret->default_port, CURLU_DEFAULT_PORT);
    }
    curl_url_cleanup(u);
    return made == CURLUE_OK;
}

static void release(struct parts *parts)
{
    curl_free(parts->scheme);
    curl_free(parts->user);
    curl_free(parts->password);
    curl_free(parts->host);
    curl_free(parts->port);
    curl_free(parts->default_port);
}

/* "host", which stands for the scheme's own port, or "host:port"; IPv6 in brackets. */
static bool matches(struct str entry, const struct parts *parts)
{
    struct str host = str_of(parts->host), port = str_of(parts->default_port);
    struct str named = {entry.p, host.n};

    if (entry.n < host.n || !str_equal_nocase(named, host))
        return false;
    if (entry.n > host.n) {
        if (entry.p[host.n] != ':')
            return false;
        port = (struct str){entry.p + host.n + 1, entry.n - host.n - 1};
    }
    return str_equal(port, str_of(parts->port));
}

static bool is_listed(const char *hosts, const struct parts *parts)
{
    struct str rest = str_of(hosts);

    while (rest.n > 0) {
        struct str entry = str_trim(str_cut(&rest, ','));

        if (entry.n > 0 && matches(entry, parts))
            return true;
    }
    return false;
}

static const char *refusal(const struct config *config, const struct parts *parts)
{
    bool http = parts->scheme && strcmp(parts->scheme, "http") == 0;
    bool https = parts->scheme && strcmp(parts->scheme, "https") == 0;

    if (!https && !(http && config->callback_allow_http))
        return "must begin with https://";
    if (parts->user || parts->password)
        return "must not name a user";
    if (!parts->host || !parts->port || !parts->default_port ||
        !is_listed(config->callback_hosts, parts))
        return "its host is not one that callbacks may go to";
    return NULL;
}

const char *callback_refusal(const struct config *config, struct str url)
{
    char *text = strndup(url.n > 0 ? url.p : "", url.n);
    const char *why = "is not a URL";
    struct parts parts;

    if (text && take_apart(text, &parts)) {
        why = refusal(config, &parts);
        release(&parts);
    }
    free(text);
    return why;
}

bool callback_sign(const struct config *config, struct str timestamp, struct str body,
                   char ret_hex[DIGEST_HEX_SIZE])
{
    size_t n = timestamp.n + 1 + body.n;
    unsigned char digest[DIGEST_SIZE];
    char *text = malloc(n), *end;

    if (!text || !config->callback_secret) {
        free(text);
        return false;
    }
    end = mempcpy(text, timestamp.p, timestamp.n);
    *end++ = '.';
    memcpy(end, body.p, body.n);
    digest_hmac(str_of(config->callback_secret), (struct str){text, n}, digest);
    hex_print(digest, DIGEST_SIZE, ret_hex);
    free(text);
    return true;
}

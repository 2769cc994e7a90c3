/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks and signs callbacks. The check guards against requests to hosts that the operator has not
 * listed (server-side request forgery). */
#include "app/service/callback.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "app/base/ids.h"

/* The components of a URL, allocated by libcurl; NULL: the URL has none. */
struct callback_url {
    char *scheme, *user, *password, *host, *port;
    char *default_port; /* the port that the scheme implies */
};

/* Uses the parser with which libcurl will make the connection: a second parser could disagree with
 * it about the host. */
static bool callback_parse_url(const char *url, struct callback_url *ret)
{
    CURLU *u = curl_url();
    CURLUcode result = u ? curl_url_set(u, CURLUPART_URL, url, 0) : CURLUE_OUT_OF_MEMORY;

    *ret = (struct callback_url){0};
    if (result == CURLUE_OK) {
        (void)curl_url_get(u, CURLUPART_SCHEME, &ret->scheme, 0);
        (void)curl_url_get(u, CURLUPART_USER, &ret->user, 0);
        (void)curl_url_get(u, CURLUPART_PASSWORD, &ret->password, 0);
        (void)curl_url_get(u, CURLUPART_HOST, &ret->host, 0);
        (void)curl_url_get(u, CURLUPART_PORT, &ret->port, CURLU_DEFAULT_PORT);
        (void)curl_url_set(u, CURLUPART_PORT, NULL, 0);
        (void)curl_url_get(u, CURLUPART_PORT, &ret->default_port, CURLU_DEFAULT_PORT);
    }
    curl_url_cleanup(u);
    return result == CURLUE_OK;
}

static void callback_release_url(struct callback_url *parsed)
{
    curl_free(parsed->scheme);
    curl_free(parsed->user);
    curl_free(parsed->password);
    curl_free(parsed->host);
    curl_free(parsed->port);
    curl_free(parsed->default_port);
}

/* entry: "host", for the port that the scheme implies, or "host:port"; IPv6 in brackets. */
static bool callback_host_matches(struct str entry, const struct callback_url *parsed)
{
    struct str host = str_of(parsed->host), port = str_of(parsed->default_port);
    struct str entry_host = {entry.p, host.n};

    if (entry.n < host.n || !str_equal_nocase(entry_host, host))
        return false;
    if (entry.n > host.n) {
        if (entry.p[host.n] != ':')
            return false;
        port = (struct str){entry.p + host.n + 1, entry.n - host.n - 1};
    }
    return str_equal(port, str_of(parsed->port));
}

/* hosts: CALLBACK_HOSTS, separated by commas. */
static bool callback_is_listed(const char *hosts, const struct callback_url *parsed)
{
    struct str unread = str_of(hosts);

    while (unread.n > 0) {
        struct str entry = str_trim(str_cut(&unread, ','));

        if (entry.n > 0 && callback_host_matches(entry, parsed))
            return true;
    }
    return false;
}

static const char *callback_url_refusal(const struct config *config,
                                        const struct callback_url *parsed)
{
    bool http = parsed->scheme && strcmp(parsed->scheme, "http") == 0;
    bool https = parsed->scheme && strcmp(parsed->scheme, "https") == 0;

    if (!https && !(http && config->callback_allow_http))
        return "must begin with https://";
    if (parsed->user || parsed->password)
        return "must not name a user";
    if (!parsed->host || !parsed->port || !parsed->default_port ||
        !callback_is_listed(config->callback_hosts, parsed))
        return "its host is not one that callbacks may go to";
    return NULL;
}

const char *callback_refusal(const struct config *config, struct str url)
{
    char *text = strndup(url.n > 0 ? url.p : "", url.n);
    const char *reason = "is not a URL";
    struct callback_url parsed;

    if (text && callback_parse_url(text, &parsed)) {
        reason = callback_url_refusal(config, &parsed);
        callback_release_url(&parsed);
    }
    free(text);
    return reason;
}

/* The timestamp is signed as well, so that a receiver can refuse old callbacks that are replayed.
 */
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

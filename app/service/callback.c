/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks the URLs of callbacks (POSTs that report the end of a batch) and signs their bodies. The
 * check prevents requests to hosts that the operator has not listed (server-side request forgery).
 */
#include "app/service/callback.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "app/base/ids.h"

/* The components of a URL, allocated by libcurl. NULL: the URL does not have the component. */
struct callback_url {
    char *scheme, *user, *password, *host, *port;
    char *default_port; /* port that the scheme implies, such as 443 for https */
};

/* Parses a URL with libcurl, because libcurl also makes the connection, and another parser might
 * find another host in the URL. The port is removed after it was read, so that libcurl then returns
 * the default port of the scheme. Returns false for a text that is not a URL. */
static bool callback_parse_url(const char *url, struct callback_url *ret)
{
    CURLU *handle = curl_url();
    CURLUcode result = handle ? curl_url_set(handle, CURLUPART_URL, url, 0) : CURLUE_OUT_OF_MEMORY;

    *ret = (struct callback_url){0};
    if (result == CURLUE_OK) {
        /* a component that cannot be read stays NULL, which callback_url_refusal checks */
        (void)curl_url_get(handle, CURLUPART_SCHEME, &ret->scheme, 0);
        (void)curl_url_get(handle, CURLUPART_USER, &ret->user, 0);
        (void)curl_url_get(handle, CURLUPART_PASSWORD, &ret->password, 0);
        (void)curl_url_get(handle, CURLUPART_HOST, &ret->host, 0);
        (void)curl_url_get(handle, CURLUPART_PORT, &ret->port, CURLU_DEFAULT_PORT);
        (void)curl_url_set(handle, CURLUPART_PORT, NULL, 0);
        (void)curl_url_get(handle, CURLUPART_PORT, &ret->default_port, CURLU_DEFAULT_PORT);
    }
    curl_url_cleanup(handle);
    return result == CURLUE_OK;
}

/* Frees the components of a URL. curl_free accepts the NULL of a component that the URL does not
 * have. */
static void callback_release_url(struct callback_url *parsed)
{
    curl_free(parsed->scheme);
    curl_free(parsed->user);
    curl_free(parsed->password);
    curl_free(parsed->host);
    curl_free(parsed->port);
    curl_free(parsed->default_port);
}

/* Returns whether the URL has the host and the port of an entry of CALLBACK_HOSTS. An entry is
 * "HOST" or "HOST:PORT", with an IPv6 address in brackets; "HOST" means the default port of the
 * scheme. */
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

/* Returns whether the URL matches an entry of `hosts`, the entries of CALLBACK_HOSTS separated by
 * commas. */
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

/* Returns the reason why the URL is refused, as the end of a sentence; NULL when it is allowed. A
 * URL with a user or password is refused, because the URL is stored with the batch. */
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

/* Returns whether exactly two slashes precede the host. libcurl also accepts one or three, where
 * another program could find another host in the URL. */
static bool callback_has_two_slashes(const char *text, const char *scheme)
{
    size_t n = scheme ? strlen(scheme) : 0;

    return n > 0 && strncasecmp(text, scheme, n) == 0 && strncmp(text + n, "://", 3) == 0 &&
           text[n + 3] != '/';
}

/* Copies the URL, because libcurl needs a NUL at its end. Without memory for the copy, the URL is
 * refused as one that is not a URL. */
const char *callback_refusal(const struct config *config, struct str url)
{
    char *text = strndup(url.n > 0 ? url.p : "", url.n);
    const char *reason = "is not a URL";
    struct callback_url parsed;

    if (text && callback_parse_url(text, &parsed)) {
        if (callback_has_two_slashes(text, parsed.scheme))
            reason = callback_url_refusal(config, &parsed);
        callback_release_url(&parsed);
    }
    free(text);
    return reason;
}

/* Signs the text TIMESTAMP.BODY. The signature covers the timestamp, so that a receiver can refuse
 * an old callback that an attacker sends again. */
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fetches the keys of the identity provider. They decide who can sign in, so TLS is verified,
 * redirects are not followed, a proxy of the environment is not used, and size and time are
 * limited. */
#include "app/auth/key_fetch.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "app/auth/key_copy.h"
#include "app/auth/token_keys.h"
#include "app/base/clock.h"
#include "app/base/https_url.h"
#include "app/http/json.h"

enum {
    DISCOVERY_SCRATCH = 16 << 10,    /* first size of the memory for parsing a discovery document */
    DISCOVERY_SCRATCH_CAP = 4 << 20, /* greatest size of this memory */
    POLL_MS = 20,                    /* longest pause between two looks at download.cancelled */
};

/* One request with its response. */
struct download {
    const char *setting; /* JWT_JWKS_URL or OIDC_ISSUER, for messages */
    const struct config *config;
    const atomic_bool *cancelled; /* set by another thread: the request must end at once */
    int64_t end_us; /* monotonic time at which all requests together must have ended */
    char *error;    /* receives the reason of a failure; KEY_FETCH_ERROR_SIZE bytes */
    char *text;     /* the body received so far, with a NUL */
    size_t n;
};

const char *key_fetch_setting(const struct config *config)
{
    return *config->jwt_jwks_url ? "JWT_JWKS_URL" : "OIDC_ISSUER";
}

const char *key_fetch_source(const struct config *config)
{
    return *config->jwt_jwks_url ? config->jwt_jwks_url : config->oidc_issuer;
}

/* ---- one request ---- */

/* Callback of libcurl (CURLOPT_WRITEFUNCTION): appends the received bytes to the body. Returns
 * fewer bytes on failure, which makes libcurl end the request with CURLE_WRITE_ERROR. */
static size_t download_on_body(char *bytes, size_t size, size_t count, void *user_data)
{
    struct download *download = user_data;
    size_t n = size * count;

    if (n > KEY_SET_MAX - download->n)
        return 0;
    memcpy(download->text + download->n, bytes, n);
    download->n += n;
    download->text[download->n] = '\0';
    return n;
}

/* Sets libcurl's options. Plain http is possible only for a URL that https_url_error accepts: of
 * any host in development, else of this machine. NOPROXY "*" ignores the proxies of the
 * environment. NOSIGNAL: libcurl must set no signal handlers, because this is a thread of a server
 * process. */
static void download_set_options(struct download *download, CURL *easy, const char *url,
                                 char curl_error[CURL_ERROR_SIZE])
{
    const char *error = https_url_error(str_of(url), config_is_development(download->config));

    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, error ? "https" : "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (*download->config->jwt_ca_file)
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, download->config->jwt_ca_file);
    (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* without this option, a cancelled request waits for the thread that resolves its host name */
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, download_on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, download);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, curl_error);
}

/* Runs the transfer until it ends, the time is over, or another thread cancels it; returns
 * CURLE_OPERATION_TIMEDOUT in the last two cases. libcurl's multi interface is used, because the
 * easy interface would notice a cancellation up to a second later. */
static CURLcode download_run(const struct download *download, CURLM *multi)
{
    const CURLMsg *message;
    int running = 1, left;

    while (running) {
        if (atomic_load(download->cancelled) || clock_monotonic_us() >= download->end_us)
            return CURLE_OPERATION_TIMEDOUT;
        if (curl_multi_perform(multi, &running) != CURLM_OK ||
            (running && curl_multi_poll(multi, NULL, 0, POLL_MS, NULL) != CURLM_OK))
            return CURLE_FAILED_INIT;
    }
    message = curl_multi_info_read(multi, &left);
    return message ? message->data.result : CURLE_FAILED_INIT;
}

/* Writes the reason why a request has failed: libcurl's result (CURLE_WRITE_ERROR: the body is too
 * long, see download_on_body) or, if that is good, the HTTP status. Returns false. */
static bool download_refuse(const struct download *download, const char *url, CURLcode result,
                            long status, const char *curl_error)
{
    if (result == CURLE_WRITE_ERROR)
        return token_keys_fail(download->error, "%s: %.80s has more than %d bytes",
                               download->setting, url, KEY_SET_MAX);
    if (result == CURLE_OPERATION_TIMEDOUT)
        return token_keys_fail(download->error, "%s: %.80s did not respond within %d ms",
                               download->setting, url, download->config->jwt_jwks_timeout_ms);
    if (result != CURLE_OK)
        return token_keys_fail(download->error, "%s: %.80s: %.80s", download->setting, url,
                               *curl_error ? curl_error : curl_easy_strerror(result));
    return token_keys_fail(download->error, "%s: %.80s responds with status %ld%s",
                           download->setting, url, status,
                           status / 100 == 3 ? ", and redirects are not followed: set the URL to "
                                               "which it redirects"
                                             : "");
}

/* Fetches a URL into download->text. Returns false with the reason in download->error. */
static bool download_get(struct download *download, const char *url)
{
    char curl_error[CURL_ERROR_SIZE] = "";
    CURLM *multi = curl_multi_init();
    CURL *easy = curl_easy_init();
    CURLcode result = CURLE_FAILED_INIT;
    long status = 0;

    download->n = 0;
    if (multi && easy) {
        download_set_options(download, easy, url, curl_error);
        if (curl_multi_add_handle(multi, easy) == CURLM_OK)
            result = download_run(download, multi);
        (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        (void)curl_multi_remove_handle(multi, easy);
    }
    curl_easy_cleanup(easy);
    (void)curl_multi_cleanup(multi);
    return (result == CURLE_OK && status == 200) ||
           download_refuse(download, url, result, status, curl_error);
}

/* ---- discovery ---- */

/* Returns whether the discovery document is that of OIDC_ISSUER. The issuer must be equal byte by
 * byte, so that the document of another server is not trusted when the setting has a mistake. */
static bool discovery_is_of_issuer(const struct config *config, struct str issuer,
                                   char ret_error[KEY_FETCH_ERROR_SIZE])
{
    if (str_equal(issuer, str_of(config->oidc_issuer)))
        return true;
    if (!issuer.p)
        return token_keys_fail(ret_error, "OIDC_ISSUER: the discovery document names no issuer");
    return token_keys_fail(ret_error,
                           "OIDC_ISSUER: the discovery document names the issuer %.60s, not %.60s",
                           issuer.p, config->oidc_issuer);
}

/* Returns a copy of jwks_uri (the URL of the keys) in the discovery document; NULL with a reason
 * when the document is not acceptable. memory: arena for the parsed document. */
static char *discovery_keys_url(const struct config *config, struct str document,
                                struct arena *memory, char ret_error[KEY_FETCH_ERROR_SIZE])
{
    struct problem p = {.code = PROBLEM_NONE};
    struct json_object *json = json_parse(document, memory, &p);
    const char *error;
    struct str url;
    char *copy = NULL;

    if (p.code != PROBLEM_NONE || !json_object_is_type(json, json_type_object)) {
        (void)token_keys_fail(ret_error, "OIDC_ISSUER: the discovery document is no JSON object");
        return NULL;
    }
    if (!discovery_is_of_issuer(config, json_str(json_object_object_get(json, "issuer")),
                                ret_error))
        return NULL;
    url = json_str(json_object_object_get(json, "jwks_uri"));
    error = url.p ? https_url_error(url, config_is_development(config)) : "is not there";
    if (error)
        (void)token_keys_fail(ret_error, "OIDC_ISSUER: the jwks_uri of the discovery document %s",
                              error);
    else
        copy = strndup(url.p, url.n);
    return copy;
}

/* Sets the reason "no memory" first: it stays when the arena or the copy of the URL cannot be
 * allocated. */
char *key_fetch_parse_discovery(const struct config *config, struct str document,
                                char ret_error[KEY_FETCH_ERROR_SIZE])
{
    struct arena *memory = arena_new(DISCOVERY_SCRATCH, DISCOVERY_SCRATCH_CAP);
    char *url = NULL;

    (void)token_keys_fail(ret_error, "OIDC_ISSUER: no memory for the discovery document");
    if (memory)
        url = discovery_keys_url(config, document, memory, ret_error);
    arena_free(memory);
    return url;
}

/* Fetches the discovery document. Its URL is the issuer's, without a slash at its end, followed by
 * a fixed path (OpenID Connect Discovery 1.0, section 4.1). Returns the URL of the keys; NULL with
 * a reason. */
static char *discover(struct download *download)
{
    struct str issuer = str_of(download->config->oidc_issuer);
    char *url = NULL, *ret = NULL;

    if (issuer.p[issuer.n - 1] == '/')
        issuer.n--;
    if (asprintf(&url, "%.*s/.well-known/openid-configuration", STR_ARG(issuer)) < 0)
        return NULL;
    if (download_get(download, url))
        ret = key_fetch_parse_discovery(download->config, (struct str){download->text, download->n},
                                        download->error);
    free(url);
    return ret;
}

/* JWT_JWKS_TIMEOUT_MS limits both requests together: for the discovery document and for the keys.
 * Sets the reason "no memory" first: it stays when no request could be made. */
char *key_fetch(const struct config *config, const atomic_bool *cancelled,
                char ret_error[KEY_FETCH_ERROR_SIZE])
{
    struct download download = {.setting = key_fetch_setting(config),
                                .config = config,
                                .cancelled = cancelled,
                                .end_us = clock_monotonic_us() +
                                          config->jwt_jwks_timeout_ms * INT64_C(1000),
                                .error = ret_error,
                                .text = malloc(KEY_SET_MAX + 1)};
    char *found = NULL;
    bool good = false;

    (void)token_keys_fail(ret_error, "%s: no memory for the keys", download.setting);
    if (download.text && *config->jwt_jwks_url) {
        good = download_get(&download, config->jwt_jwks_url);
    } else if (download.text) {
        found = discover(&download);
        good = found && download_get(&download, found);
    }
    free(found);
    if (good)
        return download.text;
    free(download.text);
    return NULL;
}

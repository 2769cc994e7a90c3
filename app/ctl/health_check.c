/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes one request for each endpoint with libcurl. Only the HTTP status and the member "status"
 * decide about the result. */
#include "app/ctl/health_check.h"

#include <curl/curl.h>

#include "app/base/buf.h"
#include "app/http/json.h"

enum { BODY_MAX = 65536 }; /* most bytes of a response's body */

/* The engine's health endpoints: path without the slash, and value of the member "status" when the
 * engine is healthy. */
static const struct {
    const char *name, *good_status;
} endpoints[] = {
    [HEALTH_HEALTH] = {"health", "healthy"},
    [HEALTH_READY] = {"ready", "ready"},
};

/* The response to a request, or why there is none. */
struct response {
    CURLcode failure; /* CURLE_OK when a response has arrived */
    long http_status;
    int64_t duration_ms;
    struct buf body;
};

/* Called by libcurl for each piece (size * count bytes) of the response's body: appends it to
 * *body. Returns 0, which makes libcurl end the transfer, when the body is too long or memory is
 * exhausted. */
static size_t health_on_body(char *bytes, size_t size, size_t count, void *body)
{
    struct buf *out = body;

    if (out->n + size * count > BODY_MAX)
        return 0;
    buf_put(out, bytes, size * count);
    return out->failed ? 0 : size * count;
}

/* Sends GET BASE/NAME and fills *ret with the response or the failure. Does not use a proxy from
 * the environment, because the check is about this address itself. */
static void health_request(CURL *curl, const struct health_target *target, const char *name,
                           struct arena *arena, struct response *ret)
{
    struct str base_url = str_of(target->url), url, source = {NULL, 0};
    curl_off_t duration_us = 0;

    *ret = (struct response){.failure = CURLE_OUT_OF_MEMORY};
    buf_init(&ret->body, arena);
    while (base_url.n > 0 && base_url.p[base_url.n - 1] == '/')
        base_url.n--;
    url = arena_printf(arena, "%.*s/%s", STR_ARG(base_url), name);
    if (target->source) /* "host!" makes libcurl treat the text as an address and not as an
                           interface */
        source = arena_printf(arena, "host!%s", target->source);
    if (!url.p || (target->source && !source.p))
        return;
    curl_easy_reset(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url.p);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)target->timeout_s);
    (void)curl_easy_setopt(curl, CURLOPT_INTERFACE, source.p);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, health_on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &ret->body);
    ret->failure = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->http_status);
    (void)curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &duration_us);
    ret->duration_ms = (duration_us + 500) / 1000;
}

const char *health_text(struct json_object *object, const char *name)
{
    struct json_object *member = NULL;
    const char *text = "";

    if (json_object_is_type(object, json_type_object) &&
        json_object_object_get_ex(object, name, &member) &&
        json_object_is_type(member, json_type_string))
        text = json_object_get_string(member);
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
            return "";
    }
    return text;
}

/* Reads the body: status, version, reason and dependencies. */
static void health_read_body(const struct response *response, struct arena *arena,
                             struct health_result *ret)
{
    struct problem not_json = {.code = PROBLEM_NONE};
    struct json_object *body = json_parse(buf_view(&response->body), arena, &not_json), *all = NULL;

    ret->status = health_text(body, "status");
    ret->version = health_text(body, "version");
    ret->reason = health_text(body, "reason");
    if (json_object_is_type(body, json_type_object) &&
        json_object_object_get_ex(body, "dependencies", &all) &&
        json_object_is_type(all, json_type_object))
        ret->dependencies = all;
}

void health_check(const struct health_target *target, enum health_endpoint endpoint,
                  struct arena *arena, struct health_result *ret)
{
    struct response response = {.failure = CURLE_FAILED_INIT};
    CURL *curl = curl_easy_init();

    *ret = (struct health_result){.name = endpoints[endpoint].name,
                                  .outcome = CTL_UNAVAILABLE,
                                  .status = "",
                                  .version = "",
                                  .reason = ""};
    if (curl)
        health_request(curl, target, ret->name, arena, &response);
    curl_easy_cleanup(curl);
    if (response.failure != CURLE_OK) {
        ret->failure = curl_easy_strerror(response.failure);
        return;
    }
    ret->http_status = response.http_status;
    ret->duration_ms = response.duration_ms;
    health_read_body(&response, arena, ret);
    ret->outcome =
        ret->http_status == 200 && strcmp(ret->status, endpoints[endpoint].good_status) == 0
            ? CTL_DONE
            : CTL_FAILED;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/sidecar.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/obs/trace.h"

enum { FAILURES_THAT_OPEN = 5 }; /* the circuit */
enum { SERVICE_DAPR = 1 };       /* of metrics_set_breaker */

static const int64_t OPEN_US = 1000000;   /* how long an open circuit waits for its probe */
static const int64_t HEALTH_US = 5000000; /* without anything to publish, we ask how it is */

/* ---- what an answer means ---- */

static enum publish_outcome outcome_of(const struct http_call *call)
{
    static const struct {
        long from, to;
        enum publish_outcome outcome;
    } table[] = {
        {200, 299, PUBLISH_OK},
        {400, 401, PUBLISH_MISCONFIGURED}, /* no pub/sub component at all; a wrong token */
        {403, 403, PUBLISH_REFUSED},       /* the topic is not for this app */
        {404, 404, PUBLISH_MISCONFIGURED}, /* no pub/sub component of that name */
    };

    if (call->result == CURLE_ABORTED_BY_CALLBACK)
        return PUBLISH_CANCELLED;
    if (call->result != CURLE_OK)
        return PUBLISH_UNREACHABLE;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (call->status >= table[i].from && call->status <= table[i].to)
            return table[i].outcome;
    }
    return PUBLISH_FAILED;
}

/* ---- the sidecar's state ---- */

static void note_breaker(struct sidecar *sidecar)
{
    struct jw *jw;

    if (sidecar->reported_state == sidecar->breaker.state)
        return;
    metrics_set_breaker(sidecar->worker->engine->metrics, SERVICE_DAPR,
                        (enum breaker_gauge)sidecar->breaker.state, sidecar->breaker.failures,
                        sidecar->breaker.opened_at_ms);
    /* open and half-open take turns while it is away: told once */
    if (sidecar->reported_state == BREAKER_CLOSED) {
        jw = log_begin(sidecar->worker->engine->log, LOG_WARNING, "dapr.away");
        jw_int(jw, "failures", (int64_t)sidecar->breaker.failures);
        jw_text(jw, "consequence", "events are kept");
        log_end(sidecar->worker->engine->log);
    } else if (sidecar->breaker.state == BREAKER_CLOSED) {
        (void)log_begin(sidecar->worker->engine->log, LOG_INFO, "dapr.back");
        log_end(sidecar->worker->engine->log);
    }
    sidecar->reported_state = sidecar->breaker.state;
}

static void note_outcome(struct sidecar *sidecar, enum publish_outcome outcome)
{
    sidecar->last_contact_us = sidecar->worker->now_us;
    switch (outcome) {
    case PUBLISH_OK:
    case PUBLISH_REFUSED:
    case PUBLISH_MISCONFIGURED: breaker_success(&sidecar->breaker); break;
    case PUBLISH_FAILED:
    case PUBLISH_UNREACHABLE:
        breaker_failure(&sidecar->breaker, sidecar->worker->now_us, false);
        break;
    case PUBLISH_CANCELLED:
        if (sidecar->breaker.state == BREAKER_HALF_OPEN)
            breaker_failure(&sidecar->breaker, sidecar->worker->now_us, false);
        return;
    }
    sidecar->healthy = outcome == PUBLISH_OK || outcome == PUBLISH_REFUSED;
}

bool sidecar_can_publish(struct sidecar *sidecar, size_t about_to)
{
    size_t publishing = sidecar->publishing + about_to;

    if (publishing >= PUBLISHERS)
        return false;
    switch (sidecar->breaker.state) {
    case BREAKER_CLOSED: return true;
    case BREAKER_OPEN:
        if (breaker_probe_due(&sidecar->breaker, sidecar->worker->now_us))
            return publishing == 0;
        worker_wake_at(sidecar->worker, sidecar->breaker.probe_at_us);
        return false;
    case BREAKER_HALF_OPEN: return publishing == 0;
    }
    return false;
}

enum dapr_state sidecar_state(const struct sidecar *sidecar)
{
    if (!worker_publishes(sidecar->worker))
        return DAPR_NOT_CONFIGURED;
    return sidecar->healthy ? DAPR_HEALTHY : DAPR_UNAVAILABLE;
}

/* ---- how it is, when there is nothing to publish ---- */

static void on_health(struct http_call *call)
{
    struct sidecar *sidecar = call->owner;
    bool well = call->result == CURLE_OK && call->status / 100 == 2;

    sidecar->checking_health = false;
    sidecar->last_contact_us = sidecar->worker->now_us;
    /* a probe was due, and what it would have published has gone meanwhile */
    if (well && sidecar->breaker.state == BREAKER_HALF_OPEN && sidecar->publishing == 0)
        breaker_success(&sidecar->breaker);
    sidecar->healthy = well && sidecar->breaker.state == BREAKER_CLOSED;
}

static void ask_health(struct sidecar *sidecar)
{
    if (sidecar->checking_health || sidecar->publishing > 0)
        return;
    if (sidecar->last_contact_us != 0 &&
        sidecar->worker->now_us < sidecar->last_contact_us + HEALTH_US) {
        worker_wake_at(sidecar->worker, sidecar->last_contact_us + HEALTH_US);
        return;
    }
    sidecar->last_contact_us = sidecar->worker->now_us;
    sidecar->health =
        (struct http_call){.url = sidecar->health_url,
                           .timeout_ms = sidecar->worker->engine->config.dapr_timeout_ms,
                           .done = on_health,
                           .owner = sidecar,
                           .easy = sidecar->health.easy};
    sidecar->checking_health = http_call_begin(sidecar->http, &sidecar->health);
}

/* ---- publishing ---- */

static void on_answer(struct http_call *call)
{
    struct publisher *p = call->owner;
    struct sidecar *sidecar = p->sidecar;
    bool was_available = sidecar->breaker.state == BREAKER_CLOSED;
    struct publish_result result = {
        .outcome = outcome_of(call), .status = call->status, .excerpt = call->excerpt};

    p->busy = false;
    sidecar->publishing--;
    curl_slist_free_all(p->headers);
    p->headers = NULL;
    note_outcome(sidecar, result.outcome);
    result.recovered = !was_available && sidecar->breaker.state == BREAKER_CLOSED;
    p->publication.on_result(p->publication.owner, p->publication.shard, &result);
}

static bool may_send(struct http_call *call)
{
    const struct publisher *p = call->owner;

    return p->publication.may_send(p->publication.owner, p->publication.shard);
}

static bool add_header(struct publisher *p, const char *header)
{
    struct curl_slist *more = curl_slist_append(p->headers, header);

    if (more)
        p->headers = more;
    return more != NULL;
}

/* Asked for each time: it may have changed. */
static bool add_token(struct publisher *p, const char *token)
{
    char *header;
    bool added;

    if (!token || !*token)
        return true;
    if (asprintf(&header, "dapr-api-token: %s", token) < 0)
        return false;
    added = add_header(p, header);
    explicit_bzero(header, strlen(header));
    free(header);
    return added;
}

/* The sidecar overwrites the trace in the event itself: ours must go beside it. */
static bool set_headers(const struct sidecar *sidecar, struct publisher *p, struct str traceparent)
{
    char text[TRACEPARENT_SIZE], header[TRACEPARENT_SIZE + 16];
    struct trace trace;

    trace_begin(&trace, traceparent, (struct str){0});
    trace_print(&trace, text);
    (void)snprintf(header, sizeof(header), "traceparent: %s", text);
    return add_header(p, "Content-Type: application/cloudevents+json") && add_header(p, header) &&
           add_header(p, "Expect:") && add_token(p, sidecar->worker->engine->config.dapr_api_token);
}

static struct publisher *free_publisher(struct sidecar *sidecar)
{
    for (int i = 0; i < PUBLISHERS; i++) {
        if (!sidecar->publishers[i].busy)
            return &sidecar->publishers[i];
    }
    return NULL;
}

bool sidecar_publish(struct sidecar *sidecar, const struct publication *publication)
{
    struct publisher *p = free_publisher(sidecar);

    if (!p)
        return false;
    p->sidecar = sidecar;
    p->publication = *publication;
    p->call = (struct http_call){.url = sidecar->url,
                                 .body = publication->message->event,
                                 .timeout_ms = sidecar->worker->engine->config.dapr_timeout_ms,
                                 .may_send = may_send,
                                 .done = on_answer,
                                 .owner = p,
                                 .easy = p->call.easy};
    if (set_headers(sidecar, p, publication->message->traceparent)) {
        p->call.headers = p->headers;
        p->busy = http_call_begin(sidecar->http, &p->call);
    }
    if (!p->busy) {
        curl_slist_free_all(p->headers);
        p->headers = NULL;
        return false;
    }
    sidecar->publishing++;
    metrics_add(sidecar->worker->engine->metrics, METRIC_SPANS, 0, 0, 1);
    return true;
}

/* ---- opening ---- */

/* In a path: what is not unreserved is percent-encoded. */
static char *publish_url(const char *base, const char *pubsub, const char *topic)
{
    char *p = curl_easy_escape(NULL, pubsub, 0), *t = curl_easy_escape(NULL, topic, 0);
    char *url = NULL;

    if (p && t && asprintf(&url, "%s/v1.0/publish/%s/%s", base, p, t) < 0)
        url = NULL;
    curl_free(p);
    curl_free(t);
    return url;
}

static char *base_url(const struct config *config)
{
    char *base = NULL;

    if (config->dapr_http_endpoint && *config->dapr_http_endpoint) {
        base = strdup(config->dapr_http_endpoint);
        for (size_t n = base ? strlen(base) : 0; n > 0 && base[n - 1] == '/'; n--)
            base[n - 1] = '\0';
    } else if (asprintf(&base, "http://127.0.0.1:%d", config->dapr_http_port) < 0) {
        base = NULL;
    }
    return base;
}

bool sidecar_open(struct sidecar *sidecar)
{
    const struct config *config = &sidecar->worker->engine->config;
    char *base;

    breaker_init(&sidecar->breaker, FAILURES_THAT_OPEN, OPEN_US);
    if (!worker_publishes(sidecar->worker))
        return true;
    base = base_url(config);
    if (!base)
        return false;
    sidecar->url = publish_url(base, config->dapr_pubsub, config->dapr_topic_updates);
    if (asprintf(&sidecar->health_url, "%s/v1.0/healthz/outbound", base) < 0)
        sidecar->health_url = NULL;
    free(base);
    return sidecar->url && sidecar->health_url;
}

void sidecar_close(struct sidecar *sidecar)
{
    for (int i = 0; i < PUBLISHERS; i++) {
        http_call_release(&sidecar->publishers[i].call);
        curl_slist_free_all(sidecar->publishers[i].headers);
    }
    http_call_release(&sidecar->health);
    free(sidecar->url);
    free(sidecar->health_url);
}

void sidecar_tick(struct sidecar *sidecar)
{
    if (!worker_publishes(sidecar->worker))
        return;
    note_breaker(sidecar);
    if (!worker_draining(sidecar->worker))
        ask_health(sidecar);
}

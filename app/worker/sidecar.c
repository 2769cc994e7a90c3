/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/sidecar.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/obs/trace.h"
#include "app/worker/worker.h"

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

static void note_breaker(struct worker *w)
{
    struct sidecar *d = &w->sidecar;
    struct jw *jw;

    if (d->reported_state == d->breaker.state)
        return;
    metrics_set_breaker(w->engine->metrics, SERVICE_DAPR, (enum breaker_gauge)d->breaker.state,
                        d->breaker.failures, d->breaker.opened_at_ms);
    /* open and half-open take turns while it is away: told once */
    if (d->reported_state == BREAKER_CLOSED) {
        jw = log_begin(w->engine->log, LOG_WARNING, "dapr.away");
        jw_int(jw, "failures", (int64_t)d->breaker.failures);
        jw_text(jw, "consequence", "events are kept");
        log_end(w->engine->log);
    } else if (d->breaker.state == BREAKER_CLOSED) {
        (void)log_begin(w->engine->log, LOG_INFO, "dapr.back");
        log_end(w->engine->log);
    }
    d->reported_state = d->breaker.state;
}

static void note_outcome(struct worker *w, enum publish_outcome outcome)
{
    struct sidecar *d = &w->sidecar;

    d->last_contact_us = w->now_us;
    switch (outcome) {
    case PUBLISH_OK:
    case PUBLISH_REFUSED:
    case PUBLISH_MISCONFIGURED:
        if (d->breaker.state != BREAKER_CLOSED)
            outbox_resume_all(w);
        breaker_success(&d->breaker);
        break;
    case PUBLISH_FAILED:
    case PUBLISH_UNREACHABLE: breaker_failure(&d->breaker, w->now_us, false); break;
    case PUBLISH_CANCELLED:
        if (d->breaker.state == BREAKER_HALF_OPEN)
            breaker_failure(&d->breaker, w->now_us, false);
        return;
    }
    d->healthy = outcome == PUBLISH_OK || outcome == PUBLISH_REFUSED;
}

bool sidecar_can_publish(struct worker *w, size_t about_to)
{
    struct sidecar *d = &w->sidecar;
    size_t publishing = d->publishing + about_to;

    if (publishing >= PUBLISHERS)
        return false;
    switch (d->breaker.state) {
    case BREAKER_CLOSED: return true;
    case BREAKER_OPEN:
        if (breaker_probe_due(&d->breaker, w->now_us))
            return publishing == 0;
        worker_wake_at(w, d->breaker.probe_at_us);
        return false;
    case BREAKER_HALF_OPEN: return publishing == 0;
    }
    return false;
}

enum dapr_state sidecar_state(const struct worker *w)
{
    if (!worker_publishes(w))
        return DAPR_NOT_CONFIGURED;
    return w->sidecar.healthy ? DAPR_HEALTHY : DAPR_UNAVAILABLE;
}

/* ---- how it is, when there is nothing to publish ---- */

static void on_health(struct http_call *call)
{
    struct worker *w = call->owner;
    struct sidecar *d = &w->sidecar;
    bool well = call->result == CURLE_OK && call->status / 100 == 2;

    d->checking_health = false;
    d->last_contact_us = w->now_us;
    /* a probe was due, and what it would have published has gone meanwhile */
    if (well && d->breaker.state == BREAKER_HALF_OPEN && d->publishing == 0)
        breaker_success(&d->breaker);
    d->healthy = well && d->breaker.state == BREAKER_CLOSED;
}

static void ask_health(struct worker *w)
{
    struct sidecar *d = &w->sidecar;

    if (d->checking_health || d->publishing > 0)
        return;
    if (d->last_contact_us != 0 && w->now_us < d->last_contact_us + HEALTH_US) {
        worker_wake_at(w, d->last_contact_us + HEALTH_US);
        return;
    }
    d->last_contact_us = w->now_us;
    d->health = (struct http_call){.url = d->health_url,
                                   .timeout_ms = w->engine->config.dapr_timeout_ms,
                                   .done = on_health,
                                   .owner = w,
                                   .easy = d->health.easy};
    d->checking_health = http_call_begin(w->http, &d->health);
}

/* ---- publishing ---- */

static void on_answer(struct http_call *call)
{
    struct worker *w = call->owner;
    struct publisher *p = (struct publisher *)(void *)call;
    enum publish_outcome outcome;

    p->busy = false;
    w->sidecar.publishing--;
    curl_slist_free_all(p->headers);
    p->headers = NULL;
    outcome = outcome_of(call);
    note_outcome(w, outcome);
    outbox_on_result(w, p->shard, outcome, call);
}

static bool may_send(struct http_call *call)
{
    const struct publisher *p = (const struct publisher *)(const void *)call;

    return lease_held_now(call->owner, p->shard) && outbox_may_send(call->owner, p->shard);
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
static bool set_headers(const struct worker *w, struct publisher *p, struct str traceparent)
{
    char text[TRACEPARENT_SIZE], header[TRACEPARENT_SIZE + 16];
    struct trace trace;

    trace_begin(&trace, traceparent, (struct str){0});
    trace_print(&trace, text);
    (void)snprintf(header, sizeof(header), "traceparent: %s", text);
    return add_header(p, "Content-Type: application/cloudevents+json") && add_header(p, header) &&
           add_header(p, "Expect:") && add_token(p, w->engine->config.dapr_api_token);
}

static struct publisher *free_publisher(struct worker *w)
{
    for (int i = 0; i < PUBLISHERS; i++) {
        if (!w->sidecar.publishers[i].busy)
            return &w->sidecar.publishers[i];
    }
    return NULL;
}

bool sidecar_publish(struct worker *w, unsigned shard, const struct message *message)
{
    struct publisher *p = free_publisher(w);

    if (!p)
        return false;
    p->shard = shard;
    p->call = (struct http_call){.url = w->sidecar.url,
                                 .body = message->event,
                                 .timeout_ms = w->engine->config.dapr_timeout_ms,
                                 .may_send = may_send,
                                 .done = on_answer,
                                 .owner = w,
                                 .easy = p->call.easy};
    if (set_headers(w, p, message->traceparent)) {
        p->call.headers = p->headers;
        p->busy = http_call_begin(w->http, &p->call);
    }
    if (!p->busy) {
        curl_slist_free_all(p->headers);
        p->headers = NULL;
        return false;
    }
    w->sidecar.publishing++;
    metrics_add(w->engine->metrics, METRIC_SPANS, 0, 0, 1);
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

bool sidecar_open(struct worker *w)
{
    const struct config *config = &w->engine->config;
    struct sidecar *d = &w->sidecar;
    char *base;

    breaker_init(&d->breaker, FAILURES_THAT_OPEN, OPEN_US);
    if (!worker_publishes(w))
        return true;
    base = base_url(config);
    if (!base)
        return false;
    d->url = publish_url(base, config->dapr_pubsub, config->dapr_topic_updates);
    if (asprintf(&d->health_url, "%s/v1.0/healthz/outbound", base) < 0)
        d->health_url = NULL;
    free(base);
    return d->url && d->health_url;
}

void sidecar_close(struct worker *w)
{
    struct sidecar *d = &w->sidecar;

    for (int i = 0; i < PUBLISHERS; i++) {
        http_call_release(&d->publishers[i].call);
        curl_slist_free_all(d->publishers[i].headers);
    }
    http_call_release(&d->health);
    free(d->url);
    free(d->health_url);
}

void sidecar_tick(struct worker *w)
{
    if (!worker_publishes(w))
        return;
    note_breaker(w);
    if (!worker_draining(w))
        ask_health(w);
}

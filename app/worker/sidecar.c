/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP to the Dapr sidecar (Dapr's process, which passes events to a message broker): POST
 * /v1.0/publish/PUBSUB/TOPIC for each event, and GET /v1.0/healthz/outbound (a health check) while
 * there is no event to publish. Each result is recorded in the circuit breaker first, and then
 * passed to the owner of the publication (outbox.c), which decides what happens to the event. */
#include "app/worker/sidecar.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/obs/trace.h"

enum { FAILURES_TO_OPEN = 5 }; /* failures in succession that open the circuit */

/* time from opening the circuit to the probe that tests the sidecar */
static const int64_t OPEN_US = 1000000;
static const int64_t HEALTH_INTERVAL_US = 5000000; /* between two health checks */

/* ---- results ---- */

/* Returns what the result of an HTTP call means for the event. A status that is not in the table,
 * for example 500, means that the broker did not accept the event. */
static enum publish_outcome sidecar_outcome(const struct http_call *call)
{
    static const struct {
        long from, to; /* first and last HTTP status of the row */
        enum publish_outcome outcome;
    } table[] = {
        {200, 299, PUBLISH_OK},
        {400, 401, PUBLISH_MISCONFIGURED}, /* 400: no pub/sub component at all; 401: wrong token */
        {403, 403, PUBLISH_REFUSED},       /* this app may not publish to the topic */
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

/* Reports a changed state of the circuit breaker in metrics and log. While the sidecar is
 * unavailable, the states open and half-open alternate; the log has only one line for all of that
 * time. */
static void sidecar_report_breaker(struct sidecar *sidecar)
{
    const struct engine *engine = sidecar->worker->engine;
    const struct breaker *breaker = &sidecar->breaker;
    struct jw *jw;

    if (sidecar->reported_state == breaker->state)
        return;
    metrics_set_breaker(engine->metrics, METRIC_SERVICE_DAPR, (enum breaker_gauge)breaker->state,
                        breaker->failures, breaker->opened_at_ms);
    if (sidecar->reported_state == BREAKER_CLOSED) {
        jw = log_begin(engine->log, LOG_WARNING, "dapr.away");
        jw_int(jw, "failures", (int64_t)breaker->failures);
        jw_text(jw, "consequence", "events are kept");
        log_end(engine->log);
    } else if (breaker->state == BREAKER_CLOSED) {
        (void)log_begin(engine->log, LOG_INFO, "dapr.back");
        log_end(engine->log);
    }
    sidecar->reported_state = breaker->state;
}

/* Records the outcome in the circuit breaker. Every response except a failure of the broker shows
 * that the sidecar is available, and closes the circuit. A misconfigured sidecar is available but
 * not healthy. */
static void sidecar_record_outcome(struct sidecar *sidecar, enum publish_outcome outcome)
{
    int64_t now_us = sidecar->worker->now_us;

    sidecar->last_contact_us = now_us;
    switch (outcome) {
    case PUBLISH_OK:
    case PUBLISH_REFUSED:
    case PUBLISH_MISCONFIGURED: breaker_success(&sidecar->breaker); break;
    case PUBLISH_FAILED:
    case PUBLISH_UNREACHABLE:
        breaker_failure(&sidecar->breaker, now_us, /* at_once */ false);
        break;
    case PUBLISH_CANCELLED:
        /* a cancelled probe has tested nothing: the circuit opens again, until another probe */
        if (sidecar->breaker.state == BREAKER_HALF_OPEN)
            breaker_failure(&sidecar->breaker, now_us, /* at_once */ false);
        return;
    }
    sidecar->healthy = outcome == PUBLISH_OK || outcome == PUBLISH_REFUSED;
}

/* Closed circuit: up to PUBLISHERS events at a time. Open or half-open circuit: one event as the
 * probe, if nothing else is being published; an open circuit waits until the probe is due. */
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
    case BREAKER_HALF_OPEN: return publishing == 0; /* half-open: one probe at a time */
    }
    return false;
}

/* Returns the state of the sidecar (Dapr) that the heartbeat of this worker reports. */
enum dapr_state sidecar_state(const struct sidecar *sidecar)
{
    if (!worker_publishes(sidecar->worker))
        return DAPR_NOT_CONFIGURED;
    return sidecar->healthy ? DAPR_HEALTHY : DAPR_UNAVAILABLE;
}

/* ---- health ---- */

/* The health check is over. */
static void sidecar_on_health(struct http_call *call)
{
    struct sidecar *sidecar = call->owner;
    bool healthy = call->result == CURLE_OK && call->status / 100 == 2;

    sidecar->checking_health = false;
    sidecar->last_contact_us = sidecar->worker->now_us;
    /* If the circuit is half-open without a running probe, an erasure has removed the event that
     * was to be the probe. There may be no other event that could be the probe, so this response
     * closes the circuit instead. */
    if (healthy && sidecar->breaker.state == BREAKER_HALF_OPEN && sidecar->publishing == 0)
        breaker_success(&sidecar->breaker);
    sidecar->healthy = healthy && sidecar->breaker.state == BREAKER_CLOSED;
}

/* Sends a health check if the last contact is HEALTH_INTERVAL_US ago. It is needed because the
 * endpoint /ready shows the state of the sidecar even if there is no event to publish. */
static void sidecar_check_health(struct sidecar *sidecar)
{
    struct worker_context *w = sidecar->worker;
    int64_t due_us = sidecar->last_contact_us + HEALTH_INTERVAL_US;

    if (sidecar->checking_health || sidecar->publishing > 0)
        return;
    if (sidecar->last_contact_us != 0 && w->now_us < due_us) {
        worker_wake_at(w, due_us);
        return;
    }
    sidecar->last_contact_us = w->now_us;
    sidecar->health = (struct http_call){.url = sidecar->health_url,
                                         .timeout_ms = w->engine->config.dapr_timeout_ms,
                                         .done = sidecar_on_health,
                                         .owner = sidecar,
                                         .easy = sidecar->health.easy};
    sidecar->checking_health = http_call_begin(sidecar->http, &sidecar->health);
}

/* ---- publishing ---- */

/* The HTTP call of an event is over. The publisher is made free before on_result is called, since
 * that function may start the next event. */
static void sidecar_on_response(struct http_call *call)
{
    struct publisher *p = call->owner;
    const struct breaker *breaker = &p->sidecar->breaker;
    bool was_closed = breaker->state == BREAKER_CLOSED;
    struct publish_result result = {
        .outcome = sidecar_outcome(call), .status = call->status, .excerpt = call->excerpt};

    p->busy = false;
    p->sidecar->publishing--;
    curl_slist_free_all(p->headers);
    p->headers = NULL;
    sidecar_record_outcome(p->sidecar, result.outcome);
    result.recovered = !was_closed && breaker->state == BREAKER_CLOSED;
    p->publication.on_result(p->publication.owner, p->publication.shard, &result);
}

/* Called by http.c when the connection is established: lets the owner of the publication decide
 * whether the event is sent. */
static bool sidecar_may_send(struct http_call *call)
{
    const struct publication *publication = &((const struct publisher *)call->owner)->publication;

    return publication->may_send(publication->owner, publication->shard);
}

/* Sets the HTTP headers of an event. The trace is sent in a header because the sidecar overwrites
 * the traceparent in the event. The empty header Expect stops libcurl from waiting for "100
 * Continue" before it sends a large body. The API token is read for each event, because a reload of
 * secrets may change it. Returns false when out of memory. */
static bool publisher_set_headers(struct publisher *p)
{
    const char *token = p->sidecar->worker->engine->config.dapr_api_token;
    char traceparent[TRACEPARENT_SIZE];
    struct trace trace;

    trace_begin(&trace, p->publication.message->traceparent, (struct str){0});
    trace_print(&trace, traceparent);
    return http_add_header(&p->headers, "Content-Type: application/cloudevents+json") &&
           http_add_header(&p->headers, "traceparent: %s", traceparent) &&
           http_add_header(&p->headers, "Expect:") &&
           (!token || !*token || http_add_header(&p->headers, "dapr-api-token: %s", token));
}

/* Takes the first free publisher (of PUBLISHERS) and starts its HTTP call. The libcurl handle of
 * the last call is preserved (.easy). */
bool sidecar_publish(struct sidecar *sidecar, const struct publication *publication)
{
    const struct engine *engine = sidecar->worker->engine;
    struct publisher *p = sidecar->publishers;

    while (p->busy) /* at least one is free, see sidecar_can_publish */
        p++;
    p->sidecar = sidecar;
    p->publication = *publication;
    p->call = (struct http_call){.url = sidecar->url,
                                 .body = publication->message->event,
                                 .timeout_ms = engine->config.dapr_timeout_ms,
                                 .may_send = sidecar_may_send,
                                 .done = sidecar_on_response,
                                 .owner = p,
                                 .easy = p->call.easy};
    if (publisher_set_headers(p)) {
        p->call.headers = p->headers;
        p->busy = http_call_begin(sidecar->http, &p->call);
    }
    if (!p->busy) {
        curl_slist_free_all(p->headers);
        p->headers = NULL;
        return false;
    }
    sidecar->publishing++;
    metrics_add(engine->metrics, METRIC_SPANS, NULL, NULL, 1);
    return true;
}

/* ---- opening ---- */

/* Returns the URL for publishing, with both names percent-encoded, to be freed by the caller; NULL
 * when out of memory. */
static char *sidecar_publish_url(const char *base, const char *pubsub, const char *topic)
{
    char *pubsub_escaped = curl_easy_escape(NULL, pubsub, 0);
    char *topic_escaped = curl_easy_escape(NULL, topic, 0);
    char *url = NULL;

    if (pubsub_escaped && topic_escaped &&
        asprintf(&url, "%s/v1.0/publish/%s/%s", base, pubsub_escaped, topic_escaped) < 0)
        url = NULL;
    curl_free(pubsub_escaped);
    curl_free(topic_escaped);
    return url;
}

/* Returns the start of all URLs: the configured endpoint without slashes at its end, or the local
 * port. To be freed by the caller; NULL when out of memory. */
static char *sidecar_base_url(const struct config *config)
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

/* The URLs are built once: unlike the API token, they cannot change while the process runs. */
bool sidecar_open(struct sidecar *sidecar)
{
    const struct config *config = &sidecar->worker->engine->config;
    char *base;

    breaker_init(&sidecar->breaker, FAILURES_TO_OPEN, OPEN_US);
    if (!worker_publishes(sidecar->worker))
        return true;
    base = sidecar_base_url(config);
    if (!base)
        return false;
    sidecar->url = sidecar_publish_url(base, config->dapr_pubsub, config->dapr_topic_updates);
    if (asprintf(&sidecar->health_url, "%s/v1.0/healthz/outbound", base) < 0)
        sidecar->health_url = NULL;
    free(base);
    return sidecar->url && sidecar->health_url;
}

/* Frees everything. No HTTP call may be running: http_free must have been called before. */
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

/* A draining worker sends no health checks. */
void sidecar_tick(struct sidecar *sidecar)
{
    if (!worker_publishes(sidecar->worker))
        return;
    sidecar_report_breaker(sidecar);
    if (!worker_draining(sidecar->worker))
        sidecar_check_health(sidecar);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP to the Dapr sidecar (Dapr's process, which passes events to a message broker): POST
 * /v1.0/publish/PUBSUB/TOPIC for each event, and GET /v1.0/healthz/outbound (a health check) while
 * there is no event to publish. Each result is recorded in the circuit breaker first, and then
 * passed to the owner of the publication (outbox.c), which decides what happens to the event. */
#include "app/worker/sidecar.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/obs/trace.h"

enum { FAILURES_TO_OPEN = 3 }; /* failures in succession that open the circuit to the sidecar */

/* time from opening the circuit to the probe that tests the sidecar */
static const int64_t OPEN_US = 1000000;
static const int64_t HEALTH_INTERVAL_US = 5000000; /* pause between two health checks */

/* ---- results ---- */

static const char cure_component[] =
    "set DAPR_PUBSUB to a pub/sub component that the sidecar has loaded and whose scopes name this "
    "app, and DAPR_TOPIC_UPDATES to a topic";

/* What the response to a publish means; the first row that fits holds. Only a refusal says
 * something about the event: every other error of the sidecar, above all 500 while the broker is
 * away, would be the same for any event (hazards Y3). */
static const struct verdict {
    /* The verdict holds for the HTTP statuses from..to; status 0: there was no response. */
    long from, to;
    const char *error_code; /* Dapr's error code, in quotes, that the body contains; NULL: any */
    enum publish_outcome outcome;
    const char *reason; /* label of METRIC_OUTBOX_FAILURES; NULL: not a failure */
    const char *cure;   /* what the operator can do */
} verdicts[] = {
    {0, 0, NULL, PUBLISH_AWAY, "unreachable",
     "start the sidecar, or correct DAPR_HTTP_ENDPOINT or DAPR_HTTP_PORT"},
    {200, 299, NULL, PUBLISH_OK, NULL, NULL},
    {400, 400, NULL, PUBLISH_MISCONFIGURED, "component", cure_component},
    {401, 401, NULL, PUBLISH_MISCONFIGURED, "token",
     "set DAPR_API_TOKEN to the token that the sidecar requires"},
    {403, 403, NULL, PUBLISH_REFUSED, "forbidden", NULL},
    {404, 404, NULL, PUBLISH_MISCONFIGURED, "component", cure_component},
    {413, 413, NULL, PUBLISH_REFUSED, "too_large", NULL},
    {500, 500, "\"ERR_PUBSUB_CLOUD_EVENTS_SER\"", PUBLISH_REFUSED, "event", NULL},
    {1, LONG_MAX, NULL, PUBLISH_AWAY, "broker",
     "look at the message broker, and at the sidecar's log"},
};

/* the first row: the trouble when the sidecar does not respond at all */
static const struct verdict *const verdict_unreachable = &verdicts[0];

/* Returns what the result of an attempt to publish means: the first row of the table `verdicts`
 * that fits its HTTP status and body. */
static const struct verdict *sidecar_verdict(const struct http_call *call)
{
    long status = call->result == CURLE_OK ? call->status : 0;
    const struct verdict *row = verdicts;

    /* always ends: the first row fits the status 0, and the last row fits every other status */
    while (status < row->from || status > row->to ||
           (row->error_code && !strstr(call->excerpt, row->error_code)))
        row++;
    return row;
}

/* Writes one log line when a trouble (what is wrong with the sidecar) begins, changes or ends.
 * While the sidecar or the broker is away, timeouts and errors alternate: they count as the same
 * trouble, which is reported only when it has opened the circuit. A wrong configuration is reported
 * at once. */
static void sidecar_report_trouble(struct sidecar *sidecar)
{
    struct log *log = sidecar->worker->engine->log;
    const struct verdict *trouble = sidecar->trouble, *reported = sidecar->reported_trouble;
    bool away = trouble && trouble->outcome == PUBLISH_AWAY;
    bool was_away = reported && reported->outcome == PUBLISH_AWAY;
    struct jw *jw;

    if (trouble == reported || (away && (was_away || sidecar->breaker.state == BREAKER_CLOSED)))
        return;
    sidecar->reported_trouble = trouble;
    if (!trouble) {
        (void)log_begin(log, LOG_INFO, "dapr.back");
        log_end(log);
        return;
    }
    jw = away ? log_begin(log, LOG_WARNING, "dapr.away")
              : log_begin(log, LOG_ERROR, "dapr.misconfigured");
    jw_text(jw, "reason", trouble->reason);
    jw_text(jw, "cure", trouble->cure);
    jw_text(jw, "consequence", "events are kept");
    log_end(log);
}

/* Reports a changed state of the circuit breaker in the metrics. */
static void sidecar_report_breaker(struct sidecar *sidecar)
{
    const struct breaker *breaker = &sidecar->breaker;

    if (sidecar->reported_state == breaker->state)
        return;
    metrics_set_breaker(sidecar->worker->engine->metrics, METRIC_SERVICE_DAPR,
                        (enum breaker_gauge)breaker->state, breaker->failures,
                        breaker->opened_at_ms);
    sidecar->reported_state = breaker->state;
}

/* Records the result of an attempt to publish in the circuit breaker. Every response except those
 * of PUBLISH_AWAY shows that the sidecar is available, and closes the circuit. A verdict with a
 * cure (what the operator can do) is a trouble of the sidecar; without one the sidecar works, and
 * has accepted or refused this event. */
static void sidecar_record_verdict(struct sidecar *sidecar, const struct verdict *verdict)
{
    sidecar->last_contact_us = sidecar->worker->now_us;
    if (verdict->reason)
        metrics_add(sidecar->worker->engine->metrics, METRIC_OUTBOX_FAILURES, verdict->reason, NULL,
                    1);
    if (verdict->outcome == PUBLISH_AWAY)
        breaker_failure(&sidecar->breaker, sidecar->worker->now_us, /* at_once */ false);
    else
        breaker_success(&sidecar->breaker);
    sidecar->trouble = verdict->cure ? verdict : NULL;
}

/* Records an attempt that was cancelled before anything was sent. The connection was established
 * then, so it counts as a contact, after which no health check is due for a while. If the attempt
 * was the probe of a half-open circuit, the probe has tested nothing: the circuit opens again,
 * until another probe. */
static void sidecar_record_cancelled(struct sidecar *sidecar)
{
    sidecar->last_contact_us = sidecar->worker->now_us;
    if (sidecar->breaker.state == BREAKER_HALF_OPEN)
        breaker_failure(&sidecar->breaker, sidecar->worker->now_us, /* at_once */ false);
}

/* Closed circuit: up to PUBLISHERS events at a time. Open or half-open circuit: one event as the
 * probe, if nothing else is being published; an open circuit waits until the probe is due. */
bool sidecar_can_publish(struct sidecar *sidecar, size_t reads_pending)
{
    size_t publishing = sidecar->publishing + reads_pending;

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

bool sidecar_limits_attempts(const struct sidecar *sidecar)
{
    return sidecar->breaker.state != BREAKER_CLOSED;
}

enum dapr_state sidecar_state(const struct sidecar *sidecar)
{
    if (!worker_publishes(sidecar->worker))
        return DAPR_NOT_CONFIGURED;
    if (!sidecar->trouble)
        return DAPR_HEALTHY;
    return sidecar->trouble->outcome == PUBLISH_AWAY ? DAPR_UNAVAILABLE : DAPR_UNHEALTHY;
}

/* ---- health ---- */

/* Called when the health check is over. A passed check does not prove that publishing works:
 * broker, token and component are not tested. So it ends a trouble only if no event waits to be
 * published; otherwise an attempt to publish shows whether the trouble has ended. */
static void sidecar_on_health(struct http_call *call)
{
    struct sidecar *sidecar = call->owner;

    sidecar->checking_health = false;
    sidecar->last_contact_us = sidecar->worker->now_us;
    if (call->result != CURLE_OK || call->status / 100 != 2) {
        sidecar->trouble = verdict_unreachable;
    } else if (!sidecar->events_wait) {
        breaker_success(&sidecar->breaker);
        sidecar->trouble = NULL;
    }
}

/* Sends a health check if the last contact is HEALTH_INTERVAL_US ago and no event is being
 * published. Health checks are needed because the endpoint /ready shows the state of the sidecar
 * even if there is no event to publish. */
static void sidecar_check_health(struct sidecar *sidecar)
{
    struct worker_context *worker = sidecar->worker;
    int64_t due_us = sidecar->last_contact_us + HEALTH_INTERVAL_US;

    if (sidecar->checking_health || sidecar->publishing > 0)
        return;
    if (sidecar->last_contact_us != 0 && worker->now_us < due_us) {
        worker_wake_at(worker, due_us);
        return;
    }
    sidecar->last_contact_us = worker->now_us;
    sidecar->health = (struct http_call){.url = sidecar->health_url,
                                         .timeout_ms = worker->engine->config.dapr_timeout_ms,
                                         .done = sidecar_on_health,
                                         .owner = sidecar,
                                         .easy = sidecar->health.easy};
    sidecar->checking_health = http_call_begin(sidecar->http, &sidecar->health);
}

/* ---- publishing ---- */

/* Called when the HTTP call of an event is over: records the result, and passes it to the owner of
 * the publication. The publisher (place for one event) becomes free before on_result is called,
 * since that function may start the next event. */
static void sidecar_on_response(struct http_call *call)
{
    struct publisher *publisher = call->owner;
    struct sidecar *sidecar = publisher->sidecar;
    bool was_closed = sidecar->breaker.state == BREAKER_CLOSED;
    struct publish_result result = {
        .outcome = PUBLISH_CANCELLED, .status = call->status, .excerpt = call->excerpt};

    publisher->busy = false;
    sidecar->publishing--;
    curl_slist_free_all(publisher->headers);
    publisher->headers = NULL;
    if (call->result == CURLE_ABORTED_BY_CALLBACK) {
        sidecar_record_cancelled(sidecar);
    } else {
        const struct verdict *verdict = sidecar_verdict(call);

        sidecar_record_verdict(sidecar, verdict);
        result.outcome = verdict->outcome;
    }
    result.recovered = !was_closed && sidecar->breaker.state == BREAKER_CLOSED;
    publisher->publication.on_result(publisher->publication.owner, publisher->publication.shard,
                                     &result);
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
static bool publisher_set_headers(struct publisher *publisher)
{
    const char *token = publisher->sidecar->worker->engine->config.dapr_api_token;
    char traceparent[TRACEPARENT_SIZE];
    struct trace trace;

    trace_begin(&trace, publisher->publication.message->traceparent, (struct str){0});
    trace_print(&trace, traceparent);
    return http_add_header(&publisher->headers, "Content-Type: application/cloudevents+json") &&
           http_add_header(&publisher->headers, "traceparent: %s", traceparent) &&
           http_add_header(&publisher->headers, "Expect:") &&
           (!token || !*token || http_add_header(&publisher->headers, "dapr-api-token: %s", token));
}

/* Starts the HTTP call that publishes an event. Each of the PUBLISHERS publishers sends one event
 * at a time; this uses the first free one, and keeps the libcurl handle of its last call (.easy).
 */
bool sidecar_publish(struct sidecar *sidecar, const struct publication *publication)
{
    const struct engine *engine = sidecar->worker->engine;
    struct publisher *publisher = sidecar->publishers;

    while (publisher->busy) /* sidecar_can_publish was true, so at least one publisher is free */
        publisher++;
    publisher->sidecar = sidecar;
    publisher->publication = *publication;
    publisher->call = (struct http_call){.url = sidecar->url,
                                         .body = publication->message->event,
                                         .timeout_ms = engine->config.dapr_timeout_ms,
                                         .may_send = sidecar_may_send,
                                         .done = sidecar_on_response,
                                         .owner = publisher,
                                         .easy = publisher->call.easy};
    if (publisher_set_headers(publisher)) {
        publisher->call.headers = publisher->headers;
        publisher->busy = http_call_begin(sidecar->http, &publisher->call);
    }
    if (!publisher->busy) {
        curl_slist_free_all(publisher->headers);
        publisher->headers = NULL;
        return false;
    }
    sidecar->publishing++;
    /* the call is a span of the trace, named in its header traceparent */
    metrics_add(engine->metrics, METRIC_SPANS, NULL, NULL, 1);
    return true;
}

/* ---- opening ---- */

/* Returns the URL for publishing, with both names percent-encoded, to be freed by the caller; NULL
 * when out of memory. */
static char *sidecar_publish_url(const char *base, const char *pubsub, const char *topic)
{
    char *pubsub_escaped = curl_easy_escape(NULL, pubsub, /* NUL-terminated */ 0);
    char *topic_escaped = curl_easy_escape(NULL, topic, /* NUL-terminated */ 0);
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

/* Builds the URLs of the sidecar, once: unlike the API token, they cannot change while the process
 * runs. */
bool sidecar_open(struct sidecar *sidecar)
{
    const struct config *config = &sidecar->worker->engine->config;
    char *base;

    breaker_init(&sidecar->breaker, FAILURES_TO_OPEN, OPEN_US);
    sidecar->trouble = verdict_unreachable; /* the state until the first response */
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

/* Sends a health check if one is due; not while the worker is draining. */
void sidecar_tick(struct sidecar *sidecar)
{
    if (!worker_publishes(sidecar->worker))
        return;
    sidecar_report_breaker(sidecar);
    sidecar_report_trouble(sidecar);
    if (!worker_draining(sidecar->worker))
        sidecar_check_health(sidecar);
}

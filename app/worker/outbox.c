/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/outbox.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/obs/trace.h"
#include "app/store/lease.h"
#include "app/worker/dead.h"
#include "app/worker/worker.h"

enum {
    TRIES = 5, /* of an event that the broker does not take */
    PAUSES_MAX = 4,
    FAILURES_THAT_OPEN = 5, /* the circuit */
};
enum { WAS_PUBLISHED, HAS_FAILED, IS_DEAD }; /* the words of METRIC_OUTBOX */
enum { SERVICE_DAPR = 1 };                   /* of metrics_breaker */

static const int64_t AWAY_US = 1000000;
static const int64_t OPEN_US = 1000000;   /* how long an open circuit waits for its probe */
static const int64_t HEALTH_US = 5000000; /* without anything to publish, we ask how it is */

/* ---- what an answer means ---- */

enum outcome {
    PUBLISHED,
    REFUSED,       /* it will never be taken: dead at once */
    MISCONFIGURED, /* somebody has to set something up: kept, tried again slowly */
    FAILED,        /* tried again; dead after TRIES */
    AWAY,          /* nobody is there: kept, tried again */
    CALLED_OFF,    /* not sent: the lease ran out */
};

static enum outcome outcome_of(const struct http_call *call)
{
    static const struct {
        long from, to;
        enum outcome outcome;
    } table[] = {
        {200, 299, PUBLISHED},
        {400, 401, MISCONFIGURED},
        {403, 403, REFUSED},
        {404, 404, MISCONFIGURED},
    };

    if (call->failure == CURLE_ABORTED_BY_CALLBACK)
        return CALLED_OFF;
    if (call->failure != CURLE_OK)
        return AWAY;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (call->status >= table[i].from && call->status <= table[i].to)
            return table[i].outcome;
    }
    return FAILED;
}

/* ---- the sidecar's state ---- */

static void note_breaker(struct worker *w)
{
    struct outbox *o = &w->outbox;
    struct jw *jw;

    if (o->told == o->breaker.state)
        return;
    metrics_breaker(w->engine->metrics, SERVICE_DAPR, (enum breaker_gauge)o->breaker.state,
                    o->breaker.failures, o->breaker.opened_at_ms);
    /* open and half-open take turns while it is away: told once */
    if (o->told == BREAKER_CLOSED) {
        jw = log_begin(w->engine->log, LOG_WARNING, "dapr.away");
        jw_int(jw, "failures", (int64_t)o->breaker.failures);
        jw_text(jw, "consequence", "events are kept");
        log_end(w->engine->log);
    } else if (o->breaker.state == BREAKER_CLOSED) {
        (void)log_begin(w->engine->log, LOG_INFO, "dapr.back");
        log_end(w->engine->log);
    }
    o->told = o->breaker.state;
}

/* Those that waited for it need not wait for the end of their pauses. */
static void wake_all(struct worker *w)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        struct outbox_shard *s = &w->outbox.shards[shard];

        if (s->was_away)
            s->again_us = 0;
        s->was_away = false;
        s->pauses = 0;
    }
}

static void note_outcome(struct worker *w, enum outcome outcome)
{
    struct outbox *o = &w->outbox;

    o->contact_us = w->now_us;
    switch (outcome) {
    case PUBLISHED:
    case REFUSED:
    case MISCONFIGURED:
        if (o->breaker.state != BREAKER_CLOSED)
            wake_all(w);
        breaker_success(&o->breaker);
        break;
    case FAILED:
    case AWAY: breaker_failure(&o->breaker, w->now_us, false); break;
    case CALLED_OFF:
        if (o->breaker.state == BREAKER_HALF_OPEN)
            breaker_failure(&o->breaker, w->now_us, false);
        return;
    }
    o->healthy = outcome == PUBLISHED || outcome == REFUSED;
}

/* Whether one more event may go out now. */
static bool permitted(struct worker *w)
{
    struct outbox *o = &w->outbox;

    if (o->publishing >= PUBLISHERS)
        return false;
    switch (o->breaker.state) {
    case BREAKER_CLOSED: return true;
    case BREAKER_OPEN:
        if (breaker_probe_due(&o->breaker, w->now_us))
            return o->publishing == 0;
        worker_wake_at(w, o->breaker.probe_at_us);
        return false;
    case BREAKER_HALF_OPEN: return o->publishing == 0;
    }
    return false;
}

enum dapr_state outbox_dapr_state(const struct worker *w)
{
    if (!worker_publishes(w))
        return DAPR_NOT_CONFIGURED;
    return w->outbox.healthy ? DAPR_HEALTHY : DAPR_UNAVAILABLE;
}

static void on_health(struct http_call *call)
{
    struct worker *w = call->owner;
    struct outbox *o = &w->outbox;

    o->asking_health = false;
    o->contact_us = w->now_us;
    o->healthy =
        call->failure == CURLE_OK && call->status / 100 == 2 && o->breaker.state == BREAKER_CLOSED;
}

static void ask_health(struct worker *w)
{
    struct outbox *o = &w->outbox;

    if (o->asking_health || o->publishing > 0)
        return;
    if (o->contact_us != 0 && w->now_us < o->contact_us + HEALTH_US) {
        worker_wake_at(w, o->contact_us + HEALTH_US);
        return;
    }
    o->contact_us = w->now_us;
    o->health = (struct http_call){.url = o->health_url,
                                   .timeout_ms = w->engine->config.dapr_timeout_ms,
                                   .done = on_health,
                                   .owner = w,
                                   .easy = o->health.easy};
    o->asking_health = http_begin(w->http, &o->health);
}

/* ---- entries at hand ---- */

static void drop_entries(struct worker *w, struct outbox_shard *s)
{
    task_end(w, s->task);
    s->task = NULL;
    s->entries = NULL;
    s->count = s->at = 0;
    s->tries = s->pauses = 0;
}

static void pause_shard(struct worker *w, struct outbox_shard *s, int64_t us)
{
    s->again_us = w->now_us + us;
    worker_wake_at(w, s->again_us);
}

/* Four times as long each time. */
static void pause_longer(struct worker *w, struct outbox_shard *s)
{
    int64_t us = w->engine->config.dapr_retry_ms * INT64_C(1000);

    for (int i = 0; i < s->pauses && i < PAUSES_MAX; i++)
        us *= 4;
    s->pauses++;
    pause_shard(w, s, us);
}

static void to_next(struct outbox_shard *s)
{
    s->at++;
    s->tries = s->pauses = 0;
    s->again_us = 0;
}

static void on_read(struct worker *w, struct task *task)
{
    struct outbox_shard *s = &w->outbox.shards[task->shard];
    struct problem p = {.code = PROBLEM_NONE};

    s->busy = false;
    if (task_failed(task) || !outbox_read(s->asked, s->entries, &s->count, &p)) {
        drop_entries(w, s);
        s->news = true;
        pause_shard(w, s, WORKER_PAUSE_US);
        return;
    }
    s->news = s->news || s->count == OUTBOX_BATCH_MAX;
    if (s->count == 0)
        drop_entries(w, s);
}

static void read_entries(struct worker *w, unsigned shard)
{
    struct outbox_shard *s = &w->outbox.shards[shard];

    s->task = task_begin(w, shard, NULL);
    s->entries =
        s->task ? arena_array(s->task->arena, OUTBOX_BATCH_MAX, sizeof(*s->entries)) : NULL;
    if (!s->entries) {
        drop_entries(w, s);
        pause_shard(w, s, WORKER_PAUSE_US);
        return;
    }
    s->news = false;
    s->busy = true;
    s->asked = outbox_ask(&s->task->asks, shard);
    task_submit(w, s->task, on_read);
}

/* ---- leaving the outbox ---- */

static void on_removed(struct worker *w, struct task *task)
{
    int64_t removed;

    if (!task_failed(task) && reply_int(task->own, &removed) == REPLY_THERE &&
        removed == LEASE_LOST)
        lease_lost(w, task->shard);
    task_end(w, task);
}

/* Nobody waits for it: the next read comes behind it. If it fails, the event goes out once more. */
static void remove_entry(struct worker *w, unsigned shard, struct str id)
{
    struct task *task = task_begin(w, shard, NULL);

    if (!task)
        return;
    task->own = outbox_ask_remove(&task->asks, shard, w->id, arena_copy(task->arena, id));
    task_submit(w, task, on_removed);
}

static void tell_dead(struct worker *w, unsigned shard, struct str reason)
{
    struct jw *jw = log_begin(w->engine->log, LOG_ERROR, "outbox.dead");

    jw_int(jw, "shard", shard);
    jw_str(jw, "reason", reason);
    log_end(w->engine->log);
    metrics_add(w->engine->metrics, METRIC_OUTBOX, IS_DEAD, 0, 1);
}

static void on_buried(struct worker *w, struct task *task)
{
    struct outbox_shard *s = &w->outbox.shards[task->shard];
    struct problem p = {.code = PROBLEM_NONE};

    s->busy = false;
    if (task_failed(task) || !dead_letter_read(task->own, &p))
        pause_shard(w, s, WORKER_PAUSE_US);
    else
        to_next(s);
    task_end(w, task);
}

/* First kept as a dead letter, then removed: in between there are two of it, never none. */
static void bury(struct worker *w, unsigned shard, const struct http_call *call)
{
    struct outbox_shard *s = &w->outbox.shards[shard];
    const struct outbox_entry *entry = &s->entries[s->at];
    struct task *task = task_begin(w, shard, NULL);
    struct str event = entry->message.event.p ? entry->message.event : STR("null");
    struct str reason;

    if (!task) {
        pause_shard(w, s, WORKER_PAUSE_US);
        return;
    }
    reason = call ? arena_printf(task->arena, "publish: %ld after %d tries: %s", call->status,
                                 s->tries, call->answer)
                  : STR("not an entry of the outbox");
    s->busy = true;
    tell_dead(w, shard, reason);
    task->own = dead_ask(&task->asks, reason,
                         key_shard_record(task->arena, shard, SHARD_KEY_OUTBOX), event, w->now_ms);
    (void)outbox_ask_remove(&task->asks, shard, w->id, arena_copy(task->arena, entry->id));
    task_submit(w, task, on_buried);
}

/* ---- publishing ---- */

static void take_outcome(struct worker *w, unsigned shard, const struct http_call *call)
{
    struct outbox_shard *s = &w->outbox.shards[shard];
    enum outcome outcome = outcome_of(call);

    note_outcome(w, outcome);
    if (outcome == FAILED || outcome == AWAY)
        metrics_add(w->engine->metrics, METRIC_OUTBOX, HAS_FAILED, 0, 1);
    switch (outcome) {
    case PUBLISHED:
        metrics_add(w->engine->metrics, METRIC_OUTBOX, WAS_PUBLISHED, 0, 1);
        remove_entry(w, shard, s->entries[s->at].id);
        to_next(s);
        break;
    case FAILED:
        if (++s->tries < TRIES) {
            pause_longer(w, s);
            break;
        }
        bury(w, shard, call);
        break;
    case REFUSED:
        s->tries++;
        bury(w, shard, call);
        break;
    case MISCONFIGURED:
        s->pauses = PAUSES_MAX - 1;
        pause_longer(w, s);
        break;
    case AWAY: /* the circuit sees to it that it is not asked too often */
        s->was_away = true;
        pause_shard(w, s, AWAY_US);
        break;
    case CALLED_OFF: break;
    }
}

static void on_answer(struct http_call *call)
{
    struct worker *w = call->owner;
    struct publisher *p = (struct publisher *)(void *)call;

    p->busy = false;
    w->outbox.publishing--;
    w->outbox.shards[p->shard].busy = false;
    curl_slist_free_all(p->headers);
    p->headers = NULL;
    take_outcome(w, p->shard, call);
}

static bool may_send(struct http_call *call)
{
    const struct publisher *p = (const struct publisher *)(const void *)call;

    return lease_holds(call->owner, p->shard);
}

static bool add_header(struct publisher *p, const char *header)
{
    struct curl_slist *more = curl_slist_append(p->headers, header);

    if (more)
        p->headers = more;
    return more != NULL;
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
           add_header(p, "Expect:") &&
           (!w->outbox.token_header || add_header(p, w->outbox.token_header));
}

static struct publisher *free_publisher(struct worker *w)
{
    for (int i = 0; i < PUBLISHERS; i++) {
        if (!w->outbox.publishers[i].busy)
            return &w->outbox.publishers[i];
    }
    return NULL;
}

static void publish(struct worker *w, unsigned shard)
{
    struct outbox_shard *s = &w->outbox.shards[shard];
    const struct message *message = &s->entries[s->at].message;
    struct publisher *p = free_publisher(w);

    if (!p)
        return;
    p->shard = shard;
    p->call = (struct http_call){.url = w->outbox.url,
                                 .body = message->event,
                                 .timeout_ms = w->engine->config.dapr_timeout_ms,
                                 .may_send = may_send,
                                 .done = on_answer,
                                 .owner = w,
                                 .easy = p->call.easy};
    if (set_headers(w, p, message->traceparent)) {
        p->call.headers = p->headers;
        p->busy = http_begin(w->http, &p->call);
    }
    if (p->busy) {
        s->busy = true;
        w->outbox.publishing++;
        metrics_add(w->engine->metrics, METRIC_SPANS, 0, 0, 1);
        return;
    }
    curl_slist_free_all(p->headers);
    p->headers = NULL;
    pause_shard(w, s, WORKER_PAUSE_US);
}

/* ---- the turn ---- */

static void tick_entry(struct worker *w, unsigned shard)
{
    struct outbox_shard *s = &w->outbox.shards[shard];

    if (!s->entries[s->at].message.event.p)
        bury(w, shard, NULL);
    else if (permitted(w))
        publish(w, shard);
}

static void tick_shard(struct worker *w, unsigned shard)
{
    struct outbox_shard *s = &w->outbox.shards[shard];

    if (s->busy)
        return;
    if (s->task && (s->at == s->count || !lease_held(w, shard) || worker_draining(w)))
        drop_entries(w, s);
    if (!lease_held(w, shard) || worker_draining(w) || (!s->task && !s->news))
        return;
    if (w->now_us < s->again_us)
        worker_wake_at(w, s->again_us);
    else if (s->task)
        tick_entry(w, shard);
    else
        read_entries(w, shard);
}

void outbox_tick(struct worker *w)
{
    unsigned first = w->outbox.first++;

    if (!worker_publishes(w))
        return;
    for (unsigned i = 0; i < SHARDS; i++)
        tick_shard(w, (first + i) % SHARDS);
    note_breaker(w);
    if (!worker_draining(w))
        ask_health(w);
}

/* Only what has been begun counts: entries at hand are in the store all the same. */
bool outbox_busy(const struct worker *w)
{
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        if (w->outbox.shards[shard].busy)
            return true;
    }
    return false;
}

bool outbox_busy_with(const struct worker *w, unsigned shard)
{
    return w->outbox.shards[shard].busy;
}

void outbox_news(struct worker *w, unsigned shard)
{
    w->outbox.shards[shard].news = true;
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

bool outbox_open(struct worker *w)
{
    const struct config *config = &w->engine->config;
    struct outbox *o = &w->outbox;
    char *base;

    breaker_init(&o->breaker, FAILURES_THAT_OPEN, OPEN_US);
    if (!worker_publishes(w))
        return true;
    base = base_url(config);
    if (!base)
        return false;
    o->url = publish_url(base, config->dapr_pubsub, config->dapr_topic_updates);
    if (asprintf(&o->health_url, "%s/v1.0/healthz/outbound", base) < 0)
        o->health_url = NULL;
    free(base);
    if (config->dapr_api_token && *config->dapr_api_token &&
        asprintf(&o->token_header, "dapr-api-token: %s", config->dapr_api_token) < 0)
        o->token_header = NULL;
    return o->url && o->health_url &&
           (o->token_header || !config->dapr_api_token || !*config->dapr_api_token);
}

void outbox_close(struct worker *w)
{
    struct outbox *o = &w->outbox;

    for (int i = 0; i < PUBLISHERS; i++) {
        http_call_release(&o->publishers[i].call);
        curl_slist_free_all(o->publishers[i].headers);
    }
    http_call_release(&o->health);
    free(o->url);
    free(o->health_url);
    if (o->token_header)
        explicit_bzero(o->token_header, strlen(o->token_header));
    free(o->token_header);
}

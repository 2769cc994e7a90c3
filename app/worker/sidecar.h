/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Dapr sidecar: publishes events through it, several at a time, and knows whether it is well. A
 * circuit breaker limits the requests to a sidecar that is unavailable. Nothing here blocks. */
#ifndef WORKER_SIDECAR_H
#define WORKER_SIDECAR_H

#include "app/store/breaker.h"
#include "app/store/journal.h"
#include "app/store/workers.h"
#include "app/worker/context.h"
#include "app/worker/http.h"

enum { PUBLISHERS = 32 }; /* events that are being published at the same time, at most */

/* What a response means for the event; the table of statuses is in sidecar.c. */
enum publish_outcome {
    PUBLISH_OK,
    PUBLISH_REFUSED,       /* the sidecar will never accept the event */
    PUBLISH_MISCONFIGURED, /* an operator has to change the configuration of the sidecar or ours */
    PUBLISH_FAILED,        /* the broker did not accept the event; it may the next time */
    PUBLISH_UNREACHABLE,   /* there was no response */
    PUBLISH_CANCELLED,     /* may_send returned false; nothing was sent */
};

struct publish_result {
    enum publish_outcome outcome;
    bool recovered;      /* the circuit was not closed, and this result has closed it */
    long status;         /* HTTP status; 0: no response */
    const char *excerpt; /* the start of the response's body; valid until on_result returns */
};

/* One event to publish. message must live until on_result is called. */
struct publication {
    const struct message *message;
    /* Called when the connection is established and nothing was sent; false cancels. */
    bool (*may_send)(void *owner, unsigned shard);
    void (*on_result)(void *owner, unsigned shard, const struct publish_result *result);
    void *owner; /* passed to both, with shard */
    unsigned shard;
};

struct publisher {
    struct http_call call;
    struct curl_slist *headers;
    struct sidecar *sidecar;
    struct publication publication;
    bool busy;
};

struct sidecar {
    struct worker_context *worker;
    struct http *http;
    struct publisher publishers[PUBLISHERS];
    size_t publishing; /* publishers that are busy */
    struct breaker breaker;
    enum breaker_state reported_state; /* as last reported in metrics and log */
    char *url, *health_url;            /* owned; NULL: no Dapr is configured */
    struct http_call health;
    bool checking_health;
    bool healthy;            /* its last response was a good one */
    int64_t last_contact_us; /* monotonic; of its last response or our last request; 0: none */
};

/* Returns false without memory. sidecar_close is due in any case. */
bool sidecar_open(struct sidecar *sidecar);
void sidecar_close(struct sidecar *sidecar);
void sidecar_tick(struct sidecar *sidecar);
enum dapr_state sidecar_state(const struct sidecar *sidecar);
/* Whether one more event may be published now. about_to: events whose reading has started with the
 * intention to publish them. If the circuit is open, arranges a wake-up for its probe. */
bool sidecar_can_publish(struct sidecar *sidecar, size_t about_to);
/* Starts to publish; sidecar_can_publish must have returned true. Returns false without memory:
 * then on_result is not called. */
bool sidecar_publish(struct sidecar *sidecar, const struct publication *publication);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Dapr sidecar: publishes events to it, some at a time, and knows how it is. A circuit breaker
 * keeps a sidecar that is away from being asked again and again; none of it ever makes anybody
 * wait. */
#ifndef WORKER_SIDECAR_H
#define WORKER_SIDECAR_H

#include "app/store/breaker.h"
#include "app/store/journal.h"
#include "app/store/workers.h"
#include "app/worker/context.h"
#include "app/worker/http.h"

enum { PUBLISHERS = 32 };

/* What an answer means for an event; the table of statuses is in the .c. */
enum publish_outcome {
    PUBLISH_OK,
    PUBLISH_REFUSED,       /* it will never be taken */
    PUBLISH_MISCONFIGURED, /* somebody has to set something up, or has not done so yet */
    PUBLISH_FAILED,        /* the broker did not take it, for its own reasons or the event's */
    PUBLISH_UNREACHABLE,   /* nobody was there */
    PUBLISH_CANCELLED,     /* not sent: the shard's lease ran out, or somebody was erased */
};

struct publish_result {
    enum publish_outcome outcome;
    bool recovered;      /* the sidecar had been unavailable until this response */
    long status;         /* of the HTTP response; 0: there was none */
    const char *excerpt; /* the beginning of the response, NUL-terminated; valid during the call */
};

/* An event to publish, and what the publisher calls. The message must live until on_result. */
struct publication {
    const struct message *message;
    /* Called when the connection is established and nothing is sent yet; false cancels. */
    bool (*may_send)(void *owner, unsigned shard);
    void (*on_result)(void *owner, unsigned shard, const struct publish_result *result);
    void *owner;
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
    size_t publishing;
    struct breaker breaker;
    enum breaker_state reported_state; /* as last noted in metrics and log */
    char *url, *health_url;            /* NULL: no Dapr is configured */
    struct http_call health;
    bool checking_health;
    bool healthy;            /* its last answer was a good one */
    int64_t last_contact_us; /* when it was last asked anything */
};

/* False without memory. */
bool sidecar_open(struct sidecar *sidecar);
void sidecar_close(struct sidecar *sidecar);
void sidecar_tick(struct sidecar *sidecar);
enum dapr_state sidecar_state(const struct sidecar *sidecar);
/* Whether one more event may go out now, when so many are about to; if not, says when to ask again.
 */
bool sidecar_can_publish(struct sidecar *sidecar, size_t about_to);
/* Begins to publish, which sidecar_can_publish must have permitted. False without memory: on_result
 * is not called then. */
bool sidecar_publish(struct sidecar *sidecar, const struct publication *publication);

#endif

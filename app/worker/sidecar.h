/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Dapr sidecar: publishes events to it, some at a time, and knows how it is. A circuit breaker
 * keeps a sidecar that is away from being asked again and again; none of it ever makes anybody
 * wait. */
#ifndef WORKER_SIDECAR_H
#define WORKER_SIDECAR_H

#include "app/store/breaker.h"
#include "app/store/journal.h"
#include "app/store/workers.h"
#include "app/worker/http.h"

struct worker;

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

struct publisher {
    struct http_call call;
    struct curl_slist *headers;
    unsigned shard;
    bool busy;
};

struct sidecar {
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
bool sidecar_open(struct worker *w);
void sidecar_close(struct worker *w);
void sidecar_tick(struct worker *w);
enum dapr_state sidecar_state(const struct worker *w);
/* Whether one more event may go out now, when so many are about to; if not, says when to ask again.
 */
bool sidecar_can_publish(struct worker *w, size_t about_to);
/* Publishes; outbox_on_result is called with what became of it. The message must live until then.
 * False: it could not be begun, for want of memory. */
bool sidecar_publish(struct worker *w, unsigned shard, const struct message *message);

#endif

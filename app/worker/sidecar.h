/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Publishes events through the Dapr sidecar (Dapr's process on this machine, which passes them to a
 * message broker), several at a time, and records whether the sidecar is available. A circuit
 * breaker limits the requests to a sidecar that is not. No function here blocks. */
#ifndef WORKER_SIDECAR_H
#define WORKER_SIDECAR_H

#include "app/store/breaker.h"
#include "app/store/journal.h"
#include "app/store/workers.h"
#include "app/worker/context.h"
#include "app/worker/http.h"

enum { PUBLISHERS = 32 }; /* most events that are being published at the same time */

/* What the response of the sidecar means for the event. */
enum publish_outcome {
    PUBLISH_OK,            /* the broker has the event */
    PUBLISH_REFUSED,       /* the sidecar will never accept this event; it may accept others */
    PUBLISH_MISCONFIGURED, /* an operator has to change the configuration of the sidecar or ours */
    PUBLISH_AWAY,          /* the sidecar or the broker is not available; nothing is wrong with the
                              event */
    PUBLISH_CANCELLED,     /* may_send returned false; nothing was sent */
};

struct publish_result {
    enum publish_outcome outcome;
    bool recovered;      /* true: the circuit was not closed, and this result has closed it */
    long status;         /* HTTP status of the response; 0: no response */
    const char *excerpt; /* start of the response body; valid until on_result returns */
};

struct verdict; /* a row of the table of responses in sidecar.c */

/* One event to publish. message must live until on_result is called. */
struct publication {
    const struct message *message;
    /* Called when the connection is established and nothing was sent yet; returning false cancels
     * the attempt. */
    bool (*may_send)(void *owner, unsigned shard);
    /* Called once, when the attempt is over. */
    void (*on_result)(void *owner, unsigned shard, const struct publish_result *result);
    /* Chosen by the caller; passed to may_send and on_result, which unlike sidecar.c know them. */
    void *owner;
    unsigned shard;
};

/* A place for one event that is being published. */
struct publisher {
    struct http_call call;
    struct curl_slist *headers;
    struct sidecar *sidecar;
    struct publication publication;
    bool busy; /* an event is being published in this place */
};

struct sidecar {
    struct worker_context *worker;
    struct http *http;
    struct publisher publishers[PUBLISHERS];
    size_t publishing; /* number of busy publishers */
    struct breaker breaker;
    enum breaker_state reported_state; /* state of the breaker in the latest metrics */
    /* trouble: what the latest response says is wrong with the sidecar; reported_trouble: what the
     * latest log line said. NULL: nothing is wrong. */
    const struct verdict *trouble, *reported_trouble;
    bool events_wait;        /* set by outbox.c: it has events whose last attempt failed */
    char *url, *health_url;  /* owned; for events, for health checks; NULL: no Dapr */
    struct http_call health; /* request for the health of the sidecar */
    bool checking_health;    /* true: the request `health` is running */
    /* Monotonic time of the last response of the sidecar, of the last failed or cancelled attempt
     * to publish, or of the start of the last health check; 0: none. The next health check is due a
     * while after it. */
    int64_t last_contact_us;
};

/* Builds the URLs. Returns false when out of memory. sidecar_close must be called in any case. */
bool sidecar_open(struct sidecar *sidecar);
/* Frees the URLs and the HTTP calls. http_free must have been called before, which ends the calls.
 */
void sidecar_close(struct sidecar *sidecar);
/* Called in every loop iteration: sends a health check if one is due, and reports changes. */
void sidecar_tick(struct sidecar *sidecar);
/* Returns the state of the sidecar (Dapr) that the heartbeat of this worker reports. */
enum dapr_state sidecar_state(const struct sidecar *sidecar);
/* Returns true if one more event may be published now. reads_pending: the number of events that are
 * being read from Redis and will be published next. If the circuit is open, the worker wakes when
 * its probe (one request that tests the sidecar) is due. */
bool sidecar_can_publish(struct sidecar *sidecar, size_t reads_pending);
/* Returns true while the circuit is not closed: then sidecar_can_publish alone decides when an
 * event is tried again. */
bool sidecar_limits_attempts(const struct sidecar *sidecar);
/* Starts to publish an event; sidecar_can_publish must have returned true. False when out of
 * memory; on_result is not called in that case. */
bool sidecar_publish(struct sidecar *sidecar, const struct publication *publication);

#endif

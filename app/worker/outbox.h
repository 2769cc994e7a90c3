/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Publishes what lies in the outboxes of our shards to the Dapr sidecar: one event of a shard at a
 * time, so that each student's order holds; some shards at a time. What the sidecar's answers mean
 * is a table in the .c. */
#ifndef WORKER_OUTBOX_H
#define WORKER_OUTBOX_H

#include "app/store/breaker.h"
#include "app/store/keys.h"
#include "app/store/outbox.h"
#include "app/store/workers.h"
#include "app/worker/http.h"
#include "app/worker/task.h"

enum { PUBLISHERS = 32 };

struct publisher {
    struct http_call call;
    struct curl_slist *headers;
    unsigned shard;
    bool busy;
};

struct outbox_shard {
    struct task *task; /* keeps the entries at hand; NULL: none are */
    struct outbox_entry *entries;
    size_t count, at; /* entries[at] is to be published next */
    struct ask *asked;
    int64_t again_us; /* not before */
    int tries;        /* failed ones of entries[at], by our count */
    int pauses;       /* in a row: each is longer */
    bool news;        /* there may be more entries in the store */
    bool busy;        /* the store or the sidecar is being asked */
    bool was_away;    /* waits for the sidecar to come back */
};

struct outbox {
    struct outbox_shard shards[SHARDS];
    unsigned first;
    struct publisher publishers[PUBLISHERS];
    size_t publishing;
    struct breaker breaker;
    enum breaker_state told; /* as last noted in metrics and log */
    char *url, *health_url;  /* NULL: no Dapr is configured */
    char *token_header;      /* NULL: none is needed */
    struct http_call health;
    bool asking_health;
    bool healthy;       /* the sidecar's last answer was a good one */
    int64_t contact_us; /* when it was last asked anything */
};

/* False without memory. */
bool outbox_open(struct worker *w);
void outbox_close(struct worker *w);
void outbox_tick(struct worker *w);
bool outbox_busy(const struct worker *w);
bool outbox_busy_with(const struct worker *w, unsigned shard);
/* Something may have come into the shard's outbox. */
void outbox_news(struct worker *w, unsigned shard);
enum dapr_state outbox_dapr_state(const struct worker *w);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The struct that the files of the node share. node.c sends the pipelines, node_state.c reports the
 * state of the server. */
#ifndef STORE_NODE_INTERNAL_H
#define STORE_NODE_INTERNAL_H

#include "app/store/breaker.h"
#include "app/store/link.h"
#include "app/store/node.h"

struct node {
    const struct config *config;
    struct link *link;
    struct breaker breaker;
    struct clock_skew *clock;
    struct pipeline_queue done; /* complete or failed, not yet returned to their owners */
    /* Pipelines that must not be sent yet (node_must_wait). Three reasons: WINDOW commands have no
     * reply yet; the pipeline writes, and the handshake has not confirmed yet that this program may
     * write; the server is the wrong one, and the pipeline waits for the next. */
    struct pipeline_queue deferred;
    struct store_counts counts;
    int64_t limit_us; /* longest wait for the replies of a pipeline that has no limit of its own */
    /* Monotonic time before which no pipeline can have reached its limit: the earliest end of a
     * limit, or an earlier time. */
    int64_t next_late_us;
    int64_t last_heartbeat_us; /* when node_tick last sent a heartbeat */
    bool connected_before;     /* at least one connection was opened */
    bool wants_map;            /* the next heartbeat reads the map of the cluster */
    bool is_in_cluster;
};

#endif

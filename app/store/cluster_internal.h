/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The struct that the files of the cluster share. cluster.c sends the pipelines, cluster_state.c
 * reports the state of the nodes. */
#ifndef STORE_CLUSTER_INTERNAL_H
#define STORE_CLUSTER_INTERNAL_H

#include "app/store/cluster.h"
#include "app/store/members_watch.h"

struct cluster {
    const struct config *config;
    struct members members;
    struct pipeline_queue waiting; /* submitted before the map and the schema number were known */
    /* Parts (parts.h: commands for one node) that no node executes at present. They are sent again
     * a little later; the one that is due first is the first in the queue. */
    struct pipeline_queue delayed;
    struct pipeline_queue done; /* complete or failed, not yet returned to their owners */
    /* counts of the commands that failed before they were sent to any node */
    struct store_counts counts;
    /* time limit of pipelines that have no limit of their own, in microseconds */
    int64_t limit_us;
    int64_t now_us;    /* monotonic time of the latest call */
    int64_t map_us;    /* monotonic time of the latest request for the map */
    bool knows_schema; /* the schema number (schema.h), which one node has, was read and accepted */
    struct members_watch watch;
    char error[200]; /* why no node could be added */
};

#endif

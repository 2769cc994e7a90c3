/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the cluster share. cluster.c sends the pipelines, cluster_state.c says how the
 * nodes are. */
#ifndef STORE_CLUSTER_INTERNAL_H
#define STORE_CLUSTER_INTERNAL_H

#include "app/store/cluster.h"
#include "app/store/members_watch.h"

struct cluster {
    const struct config *config;
    struct members members;
    struct pipeline_queue waiting; /* submitted before the map and the schema number were known */
    /* Parts (parts.h: commands for one node) that no node executes at the moment. They are sent
     * again a little later; the one that is due first is in front. */
    struct pipeline_queue delayed;
    struct pipeline_queue done; /* complete or failed, not yet returned to their owners */
    struct store_counts counts; /* of commands that failed before any node got them */
    int64_t limit_us;           /* of pipelines that have none of their own */
    int64_t now_us;             /* of the latest call */
    int64_t map_us;             /* when the map was requested last */
    bool knows_schema; /* the schema number (schema.h), which one node has, was read and accepted */
    struct members_watch watch;
    char error[200]; /* why no node could be added */
};

#endif

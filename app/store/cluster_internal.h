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
    struct pipeline_queue waiting; /* submitted before the cluster could be used */
    struct pipeline_queue delayed; /* parts, the one that is due first in front */
    struct pipeline_queue done;    /* complete or failed, not yet returned to their owners */
    struct store_counts counts;    /* of pipelines that no node has got */
    int64_t limit_us;              /* of pipelines that have none of their own */
    int64_t now_us;                /* of the latest call */
    int64_t map_us;                /* when the map was requested last */
    bool knows_schema;             /* the node that has the schema number was confirmed */
    struct members_watch watch;
    char error[200]; /* why no node could be added */
};

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store on a Redis Cluster: each command goes to the node that has the slot of its key. The
 * commands of a pipeline that only reads are sent to all their nodes at once; one with writes is
 * sent in phases that keep its order (parts.h). When the map of the slots changes, the cluster
 * follows: a command that a node has refused, because it has the slot no more (MOVED), not any more
 * (for this key) or not yet (TRYAGAIN, CLUSTERDOWN), was not executed, and is sent again within the
 * limit of its pipeline. Each node has a circuit breaker of its own, so a node that is away fails
 * only pipelines with keys on it.
 *
 * Until the map and the schema number are known, pipelines wait. Who starts while the node with the
 * schema number is away does not wait for it.
 *
 * A command without a key goes to the node of the command before it. SCAN goes through all nodes
 * (scan_cursor.h). SLOWLOG and BGREWRITEAOF go to all nodes, and their reply is an error if that of
 * any node is.
 *
 * store.h describes what functions with the same name after the prefix do. */
#ifndef STORE_CLUSTER_H
#define STORE_CLUSTER_H

#include "app/base/redis_url.h"
#include "app/store/node.h"

struct cluster;

/* NULL with the reason in ret_error. All arguments must outlive the cluster. */
struct cluster *cluster_new(const struct config *config, const struct redis_url *url,
                            struct clock_skew *clock, char ret_error[200]);
void cluster_free(struct cluster *cluster); /* accepts NULL */
void cluster_enable_schema_write(struct cluster *cluster);
void cluster_allow_blocking(struct cluster *cluster, int ms);

void cluster_submit(struct cluster *cluster, struct pipeline *pipeline, int64_t now_us);
void cluster_resume(struct cluster *cluster, struct pipeline *pipeline);
void cluster_flush(struct cluster *cluster, int64_t now_us);
/* cluster_fd: an epoll descriptor of the sockets of all nodes. */
int cluster_fd(const struct cluster *cluster);
unsigned cluster_generation(const struct cluster *cluster);
void cluster_on_ready(struct cluster *cluster, int64_t now_us);
int64_t cluster_tick(struct cluster *cluster, int64_t now_us);
struct pipeline *cluster_next_done(struct cluster *cluster);

/* The worst state of any node. */
enum store_state cluster_circuit(const struct cluster *cluster, uint64_t *ret_failures,
                                 int64_t *ret_opened_at_ms);
bool cluster_connected(const struct cluster *cluster);  /* to any node */
bool cluster_has_master(const struct cluster *cluster); /* any node can be used */
bool cluster_responsive(const struct cluster *cluster, int64_t now_us);
/* Whether a node that has slots cannot be used. */
bool cluster_is_degraded(const struct cluster *cluster, int64_t now_us);
/* Of the node that has the slot of the key. */
const char *cluster_server_id(const struct cluster *cluster, struct str key);
size_t cluster_spread(const struct cluster *cluster, unsigned *ret_shards, size_t max);
size_t cluster_sent_count(const struct cluster *cluster);
/* cluster_last_error, cluster_public_error: of a node that cannot be used. */
const char *cluster_last_error(const struct cluster *cluster);
const char *cluster_public_error(const struct cluster *cluster);
void cluster_consume_counts(struct cluster *cluster, struct store_counts *ret);

#endif

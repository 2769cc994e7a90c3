/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store on a Redis Cluster: each command goes to the node that has the slot of its key. The
 * commands of a pipeline that only reads are sent to all their nodes at once; a pipeline with
 * writes is sent in phases that keep its order (parts.h).
 *
 * When the map of the slots changes, the cluster follows. A node refuses a command when its slot
 * has moved to another node (MOVED), is being moved and the key has moved already
 * (REDIRECTION_ONCE) or only some of the keys have (TRYAGAIN), or is on no working node
 * (CLUSTERDOWN). Such a command was not executed, and is sent again within the time limit of its
 * pipeline. Each node has its own circuit breaker, so an unavailable node only fails pipelines with
 * keys on it.
 *
 * Until the map and the schema number are known, pipelines wait. The schema number (of the format
 * of all records, schema.h) is a key like others, so one node has it. A program that starts while
 * that node is unavailable does not wait for it.
 *
 * A command without a key goes to the node of the command before it. SCAN goes through all nodes
 * (scan_cursor.h). SLOWLOG and BGREWRITEAOF go to all nodes, and their reply is an error if that of
 * any node is.
 *
 * store.h describes the functions that have the same name after the prefix. */
#ifndef STORE_CLUSTER_H
#define STORE_CLUSTER_H

#include "app/base/redis_url.h"
#include "app/store/node.h"

struct cluster;

/* Makes a cluster without a connection. Returns NULL, with the reason in ret_error, on failure.
 * config, url and clock must outlive the cluster. */
struct cluster *cluster_new(const struct config *config, const struct redis_url *url,
                            struct clock_skew *clock, char ret_error[200]);
/* Closes all connections and frees the cluster. Accepts NULL. */
void cluster_free(struct cluster *cluster);
/* For programs that write to the store: makes each connection to a node store this program's schema
 * number (schema.h). To be called before the first connection. */
void cluster_enable_schema_write(struct cluster *cluster);
/* For commands by which Redis itself may be blocked for ms milliseconds: adds ms to the time limits
 * of all present and later nodes, and to that of pipelines without a limit of their own. */
void cluster_allow_blocking(struct cluster *cluster, int ms);

/* Divides the pipeline by nodes and sends it, or lets it wait for the map and the schema number. */
void cluster_submit(struct cluster *cluster, struct pipeline *pipeline, int64_t now_us);
/* Completes a parked pipeline: one without commands (is_parked), whose owner has received what it
 * waited for. */
void cluster_resume(struct cluster *cluster, struct pipeline *pipeline);
/* Writes the commands of the submitted pipelines to the sockets of all nodes. */
void cluster_flush(struct cluster *cluster, int64_t now_us);
/* Returns an epoll descriptor that watches the sockets of all nodes. */
int cluster_fd(const struct cluster *cluster);
/* Returns a number that changes when cluster_fd() must be registered with the event loop again,
 * because a connection to a node has changed. */
unsigned cluster_generation(const struct cluster *cluster);
/* To be called when cluster_fd() is readable: the nodes whose sockets are ready read and write. */
void cluster_on_ready(struct cluster *cluster, int64_t now_us);
/* Requests the map of the slots when that is due, fails pipelines that have waited too long, runs
 * the timed work of all nodes (node_tick), and writes their commands to the sockets. Returns the
 * microseconds until it must be called again; 0: cluster_next_done() has pipelines. */
int64_t cluster_tick(struct cluster *cluster, int64_t now_us);
/* Returns the next pipeline that is complete or failed; NULL when there is none. If none is ready,
 * first processes what the nodes have finished: a node may fail a part as soon as it is submitted.
 */
struct pipeline *cluster_next_done(struct cluster *cluster);

/* Returns the worst state of any node's circuit breaker. *ret_failures: the most failures in a row
 * of any node. *ret_opened_at_ms: when a breaker in the worst state opened (epoch ms); 0: all are
 * closed. */
enum store_state cluster_circuit(const struct cluster *cluster, uint64_t *ret_failures,
                                 int64_t *ret_opened_at_ms);
/* Returns whether there is a connection to at least one node. */
bool cluster_connected(const struct cluster *cluster);
/* Returns whether the map is known and at least one node has shown that it is a master. */
bool cluster_has_master(const struct cluster *cluster);
/* Returns whether at least one node with slots is a master and replies: at now_us none of its
 * commands has waited for more than a second. */
bool cluster_responsive(const struct cluster *cluster, int64_t now_us);
/* Returns whether at least one node with slots is not a master now, or does not reply. */
bool cluster_is_degraded(const struct cluster *cluster, int64_t now_us);
/* Returns the run id of the server that has the slot of the key (link_server_id); "" when no node
 * has the slot, or its id is unknown. */
const char *cluster_server_id(const struct cluster *cluster, struct str key);
/* Fills ret_shards with one shard (group of students) for each node that has shards, so that a
 * check of these shards reaches every node. Returns the number of them, at most max. */
size_t cluster_spread(const struct cluster *cluster, unsigned *ret_shards, size_t max);
/* Returns the number of commands that were sent to any node and have no reply yet. */
size_t cluster_sent_count(const struct cluster *cluster);
/* Returns why a node cannot be used now; the text may name a host. */
const char *cluster_last_error(const struct cluster *cluster);
/* Returns the reason of cluster_last_error() if all may read it: it names no host or user. NULL
 * when it may not be shown, or when all nodes can be used. */
const char *cluster_public_error(const struct cluster *cluster);
/* Fills *ret with the numbers of commands by their outcome since the last call, over all nodes, and
 * including commands that were sent to none. */
void cluster_consume_counts(struct cluster *cluster, struct store_counts *ret);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store on a Redis Cluster: each command goes to the node that has the slot of its key. The
 * commands of a pipeline that only reads are sent to all their nodes at once; one with writes is
 * sent in phases that keep its order (parts.h). When the map of the slots changes, the cluster
 * follows. A node refuses a command whose slot has moved to another node (MOVED), or is being moved
 * and the key is there already (REDIRECTION_ONCE) or only some of the keys are (TRYAGAIN), or is on
 * no node that works (CLUSTERDOWN). Such a command was not executed, and is sent again within the
 * limit of its pipeline. Each node has a circuit breaker of its own, so a node that is away fails
 * only pipelines with keys on it.
 *
 * Until the map and the schema number are known, pipelines wait. The schema number (of the format
 * of all records, schema.h) is a key like others, so one node has it. A program that starts while
 * that node is away does not wait for it.
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
/* For programs that write to the store: each connection to a node stores this program's schema
 * number (schema.h). To be called before the first connection. */
void cluster_enable_schema_write(struct cluster *cluster);
/* For commands that Redis itself may block for ms: adds ms to the limit of pipelines that have none
 * of their own, and to the time limits of all nodes, those that are found later too. */
void cluster_allow_blocking(struct cluster *cluster, int ms);

/* Divides the pipeline by nodes and sends it, or lets it wait for the map and the schema number. */
void cluster_submit(struct cluster *cluster, struct pipeline *pipeline, int64_t now_us);
/* Completes a parked pipeline (is_parked): its owner has got what it waited for. */
void cluster_resume(struct cluster *cluster, struct pipeline *pipeline);
/* Writes the commands of the submitted pipelines to the sockets of all nodes. */
void cluster_flush(struct cluster *cluster, int64_t now_us);
/* cluster_fd: an epoll descriptor of the sockets of all nodes. */
int cluster_fd(const struct cluster *cluster);
/* Number of the descriptor cluster_fd(), which is made again when a connection to any node has
 * changed: by another number the event loop sees that it must register the descriptor again. */
unsigned cluster_generation(const struct cluster *cluster);
/* Lets the nodes whose sockets are ready read and write; when cluster_fd() is readable. */
void cluster_on_ready(struct cluster *cluster, int64_t now_us);
/* Requests the map of the slots when that is due, fails pipelines that have waited too long, and
 * ticks and flushes all nodes. Returns the microseconds until it must be called again; 0:
 * cluster_next_done() has pipelines. */
int64_t cluster_tick(struct cluster *cluster, int64_t now_us);
/* Returns the next pipeline that is complete or failed; NULL: none. First processes what the nodes
 * have finished, if nothing else is ready: a node may fail a part as soon as it gets it. */
struct pipeline *cluster_next_done(struct cluster *cluster);

/* The worst state of any node. */
enum store_state cluster_circuit(const struct cluster *cluster, uint64_t *ret_failures,
                                 int64_t *ret_opened_at_ms);
/* Whether there is a connection to at least one node. */
bool cluster_connected(const struct cluster *cluster);
/* Whether the map is known and at least one node has shown that it is a master. */
bool cluster_has_master(const struct cluster *cluster);
/* Whether at least one node with slots is a master and replies: none of its commands has waited for
 * more than a second at now_us. */
bool cluster_responsive(const struct cluster *cluster, int64_t now_us);
/* Whether at least one node that has slots is no master now, or does not reply. */
bool cluster_is_degraded(const struct cluster *cluster, int64_t now_us);
/* Identifies the server that has the slot of the key, by the run id of Redis (link_server_id); "":
 * no node has the slot, or its id is not known. */
const char *cluster_server_id(const struct cluster *cluster, struct str key);
/* Gets for each node one shard (group of students) that it has, so that a check of these shards
 * reaches every node. Returns their number, at most max. */
size_t cluster_spread(const struct cluster *cluster, unsigned *ret_shards, size_t max);
/* Number of commands that were sent to any node and have no reply yet. */
size_t cluster_sent_count(const struct cluster *cluster);
/* Why a node that cannot be used now cannot be used; it may name a host. */
const char *cluster_last_error(const struct cluster *cluster);
/* The same reason, if it is one for an operator, whose text names no host or user; NULL: it is not,
 * or all nodes can be used. */
const char *cluster_public_error(const struct cluster *cluster);
/* Returns the numbers of commands of all nodes by their outcome since the last call, with those of
 * commands that no node has got. */
void cluster_consume_counts(struct cluster *cluster, struct store_counts *ret);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node: one Redis server, with the connection to it (link.h). node_submit() appends a pipeline's
 * commands to the write buffer of the connection, node_flush() writes the buffer to the socket, and
 * node_next_done() returns the pipelines whose replies are complete. Commands are executed in the
 * order in which they were submitted.
 *
 * A pipeline whose replies take longer than its limit becomes PIPELINE_FAILED. The connection
 * stays: the late replies are read and discarded, so that each later one still belongs to its
 * command (hazards H2, H3). When the oldest command has waited for STORE_ROUND_TIMEOUT_MS, the
 * circuit breaker (breaker.h) opens: the node then fails pipelines at once instead of letting them
 * wait, until Redis has caught up. A connection that is silent for three times as long, or breaks,
 * is closed. A pipeline that only reads and that a broken connection lost is sent once more on a
 * new connection, within its limit; one with writes, which may or may not have been executed,
 * becomes PIPELINE_FAILED. A server that is no master (hazards X1) is left, since a new connection
 * may lead to another one; pipelines that it refused, and reads, are sent once to the next server.
 * While there is no connection a probe is sent at intervals to find out whether Redis is back.
 *
 * store.h describes what functions with the same name after the prefix do. */
#ifndef STORE_NODE_H
#define STORE_NODE_H

#include "app/base/config.h"
#include "app/base/redis_url.h"
#include "app/store/clock_skew.h"
#include "app/store/pipeline.h"

struct node;

/* State of the circuit breaker: closed (commands are sent), open (pipelines fail at once),
 * half-open (a probe was sent, pipelines still fail). */
enum store_state { STORE_CLOSED_CIRCUIT, STORE_OPEN_CIRCUIT, STORE_HALF_OPEN_CIRCUIT };

/* Counts of commands by their outcome since the last store_consume_counts(). The arrays are
 * indexed by enum command_kind. */
struct store_counts {
    uint64_t ok[2], errors[2], timeouts[2], unavailable[2];
    uint64_t reconnects; /* connections opened after the first one */
};

/* Creates a node, which connects when the first pipeline is submitted: the server that redis_url
 * names, or the node `host` of the cluster, which is copied. Each handshake measures the clock.
 * NULL with the reason in ret_error. config and clock must outlive the node. */
struct node *node_new(const struct config *config, const struct redis_host *host,
                      struct clock_skew *clock, char ret_error[200]);
void node_free(struct node *node); /* accepts NULL */
void node_enable_schema_write(struct node *node);
void node_allow_blocking(struct node *node, int ms);

void node_submit(struct node *node, struct pipeline *pipeline, int64_t now_us);
void node_resume(struct node *node, struct pipeline *pipeline);
void node_flush(struct node *node, int64_t now_us);
int node_fd(const struct node *node);
unsigned node_generation(const struct node *node);
bool node_wants_write(const struct node *node);
void node_on_ready(struct node *node, int64_t now_us);
int64_t node_tick(struct node *node, int64_t now_us);
struct pipeline *node_next_done(struct node *node);

/* For nodes of a cluster. node_request_map: the next node_tick() requests the map of the cluster,
 * which a handshake brings anyway. node_take_map: see link_take_map; valid until the next call of
 * the node. */
void node_request_map(struct node *node);
const redisReply *node_take_map(struct node *node, int64_t *ret_epoch);
bool node_has_schema(const struct node *node);     /* link_has_schema */
bool node_refuses_schema(const struct node *node); /* link_refuses_schema */
/* Whether nothing waits for a reply, to be sent, or to be returned by node_next_done(). */
bool node_is_idle(const struct node *node);

enum store_state node_circuit(const struct node *node, uint64_t *ret_failures,
                              int64_t *ret_opened_at_ms);
bool node_connected(const struct node *node);
bool node_has_master(const struct node *node);
const char *node_server_id(const struct node *node);
bool node_responsive(const struct node *node, int64_t now_us);
size_t node_sent_count(const struct node *node);
const char *node_last_error(const struct node *node);
const char *node_public_error(const struct node *node);
void node_consume_counts(struct node *node, struct store_counts *ret);

#endif

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
 * is closed.
 *
 * A pipeline that only reads and was lost with its connection is sent once more on a new
 * connection, within its limit. A lost pipeline with writes, which may have been executed, becomes
 * PIPELINE_FAILED. The connection to a server that is not a master (hazards X1) is closed, since a
 * new one may lead to another server; pipelines that it refused, and reads, are sent once to the
 * next server. While there is no connection, a probe is sent at intervals to find out whether Redis
 * is back.
 *
 * store.h describes the functions that have the same name after the prefix. */
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

/* Counts of commands since the last store_consume_counts(), by their outcome: a reply that is no
 * error, an error reply, no reply in time, not sent or lost with the connection. The arrays are
 * indexed by enum command_kind (read, write). */
struct store_counts {
    uint64_t ok[2], errors[2], timeouts[2], unavailable[2];
    uint64_t reconnects; /* connections opened after the first one */
};

/* Creates a node for `host`, a node of a cluster (copied), or, if host is NULL, for the server that
 * redis_url names. It connects when the first pipeline is submitted. Each handshake updates
 * `clock`, the difference between the clocks of Redis and of this machine. Returns NULL with the
 * reason in ret_error. config and clock must outlive the node. */
struct node *node_new(const struct config *config, const struct redis_host *host,
                      struct clock_skew *clock, char ret_error[200]);
void node_free(struct node *node); /* accepts NULL */
/* For programs that write to the store: each later handshake stores this program's schema number
 * (schema.h). */
void node_enable_schema_write(struct node *node);
/* For commands by which Redis itself may be blocked for ms milliseconds, such as WAIT: adds ms to
 * the limit of pipelines that have no limit of their own, and to the longest silence of the
 * connection. */
void node_allow_blocking(struct node *node, int ms);

/* Sends the pipeline, lets it wait until it may be sent, or fails it (store_submit). */
void node_submit(struct node *node, struct pipeline *pipeline, int64_t now_us);
/* Completes a parked pipeline (is_parked), whose owner has received what it waited for. */
void node_resume(struct node *node, struct pipeline *pipeline);
/* Writes the commands of the submitted pipelines to the socket. */
void node_flush(struct node *node, int64_t now_us);
/* Returns the descriptor to poll: the socket or, before there is one, a descriptor that becomes
 * readable when the address of the server is known; -1 without a connection. */
int node_fd(const struct node *node);
/* Returns a number that changes when the connection is opened or closed, or gets another
 * descriptor, so that a caller that has stored it can see that the connection has changed. */
unsigned node_generation(const struct node *node);
/* Returns whether the node must wait until the socket is writable. */
bool node_wants_write(const struct node *node);
/* Writes pending commands and reads replies, when the socket is ready. */
void node_on_ready(struct node *node, int64_t now_us);
/* Applies the time limits, and sends a heartbeat (circuit closed) or the breaker's probe (circuit
 * open) when it is due. Returns the microseconds until it must be called again; 0: node_next_done()
 * has pipelines. */
int64_t node_tick(struct node *node, int64_t now_us);
/* Returns the next pipeline that is complete or failed, and that belongs to its owner again; NULL
 * when there is none. */
struct pipeline *node_next_done(struct node *node);

/* For nodes of a cluster: makes the next node_tick() send a heartbeat that also requests the map
 * (which node has which slots). A handshake always requests the map. */
void node_request_map(struct node *node);
/* For nodes of a cluster: returns the map that the node has sent since the last call (the reply to
 * CLUSTER SLOTS); NULL when there is none. *ret_epoch: the cluster's epoch at that time; of two
 * maps the one with the higher epoch is later. The node owns the map, which is valid until the next
 * call of a function of this node. */
const redisReply *node_take_map(struct node *node, int64_t *ret_epoch);
/* Returns whether the present connection has read the schema number (schema.h). In a cluster only
 * one node has it: that with the slot of its key. */
bool node_has_schema(const struct node *node);
/* Returns whether the latest connection has found a schema number that this program does not know,
 * so that it must not use the store. */
bool node_refuses_schema(const struct node *node);
/* Returns whether no pipeline waits for a reply, to be sent, or to be returned by node_next_done().
 */
bool node_is_idle(const struct node *node);

/* Returns the state of the circuit breaker. *ret_failures: failures in a row. *ret_opened_at_ms:
 * when the circuit opened (milliseconds since the epoch); 0 while it is closed. */
enum store_state node_circuit(const struct node *node, uint64_t *ret_failures,
                              int64_t *ret_opened_at_ms);
/* Returns whether there is a connection, even one whose handshake is still running. */
bool node_connected(const struct node *node);
/* Returns whether the handshake of the present connection has shown that its server is a master,
 * and no later reply has contradicted it. */
bool node_has_master(const struct node *node);
/* Returns the id of the present run of the connection's server; "" when unknown. By it the owner of
 * a write makes sure that WAIT counts the replicas of the server that has executed the write. */
const char *node_server_id(const struct node *node);
/* Returns whether the server replies: the circuit is closed, and at now_us no command has waited
 * for more than a second. */
bool node_responsive(const struct node *node, int64_t now_us);
/* Returns the number of commands that were sent and have no reply yet. */
size_t node_sent_count(const struct node *node);
/* Returns why the latest connection failed or ended; "" when none has. */
const char *node_last_error(const struct node *node);
/* Returns the part of the last error that may be shown to all, because it names no host or user
 * (TLS, sentinels, the server's role or loading); NULL when there is none. */
const char *node_public_error(const struct node *node);
/* Fills *ret with the numbers of commands by their outcome, and of reconnects, since the last call.
 */
void node_consume_counts(struct node *node, struct store_counts *ret);

#endif

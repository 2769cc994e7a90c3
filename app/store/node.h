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
/* For programs that write to the store: each later handshake stores this program's schema number
 * (schema.h). */
void node_enable_schema_write(struct node *node);
/* For commands that Redis itself may block for ms, such as WAIT: adds ms to the limit of pipelines
 * that have none of their own, and to the longest silence of the connection. */
void node_allow_blocking(struct node *node, int ms);

void node_submit(struct node *node, struct pipeline *pipeline, int64_t now_us);
/* Completes a parked pipeline (is_parked): its owner has got what it waited for. */
void node_resume(struct node *node, struct pipeline *pipeline);
/* Writes the commands of the submitted pipelines to the socket. */
void node_flush(struct node *node, int64_t now_us);
/* The socket to poll, or what link_fd() has before there is one; -1: no connection. */
int node_fd(const struct node *node);
/* Number of the connection, another one after each opening and closing: a caller that kept the
 * earlier one sees by it that the connection has changed. */
unsigned node_generation(const struct node *node);
/* Whether the socket must become writable before the node can go on. */
bool node_wants_write(const struct node *node);
/* Writes pending commands and reads replies, when the socket is ready. */
void node_on_ready(struct node *node, int64_t now_us);
/* Applies the time limits, and sends the heartbeat (circuit closed) or the breaker's probe (circuit
 * open) that is due. Returns the microseconds until a limit, heartbeat or probe is due next, the
 * least of the three; 0: node_next_done() has pipelines. */
int64_t node_tick(struct node *node, int64_t now_us);
/* Returns the next pipeline that is complete or failed, which the caller owns again; NULL: none. */
struct pipeline *node_next_done(struct node *node);

/* For nodes of a cluster: the next node_tick() requests the map (which node has which slots), with
 * a heartbeat, since only the link's own commands can read it. A handshake always brings the map.
 */
void node_request_map(struct node *node);
/* For nodes of a cluster: returns the map that the node has sent since the last call, the reply to
 * CLUSTER SLOTS; NULL: none. *ret_epoch: the cluster's epoch at that time; of two maps the one with
 * the higher epoch is later. The node owns the map, which is valid until its next call. */
const redisReply *node_take_map(struct node *node, int64_t *ret_epoch);
/* Whether the present connection has read the schema number (schema.h). In a cluster it is on one
 * node, that with the slot of its key; the others have none. */
bool node_has_schema(const struct node *node);
/* Whether the latest connection has found a schema number that this program does not know, so that
 * it must not use the store. */
bool node_refuses_schema(const struct node *node);
/* Whether nothing waits for a reply, to be sent, or to be returned by node_next_done(). */
bool node_is_idle(const struct node *node);

/* The state of the circuit breaker. *ret_failures: failures in a row. *ret_opened_at_ms: when the
 * circuit opened (milliseconds since the epoch); 0 while it is closed. */
enum store_state node_circuit(const struct node *node, uint64_t *ret_failures,
                              int64_t *ret_opened_at_ms);
/* Whether there is a connection, even one whose handshake still runs. */
bool node_connected(const struct node *node);
/* Whether the handshake of the present connection has shown that its server is a master, and no
 * reply since then has denied it. */
bool node_has_master(const struct node *node);
/* Identifies the server of the connection and its present run (the run id of Redis), so that the
 * replicas that WAIT counts are known to be those of the server that has written. "": not known. */
const char *node_server_id(const struct node *node);
/* Whether the server replies: the circuit is closed, and no command has waited for more than a
 * second at now_us. */
bool node_responsive(const struct node *node, int64_t now_us);
/* Number of commands that were given to the connection and have no reply yet. */
size_t node_sent_count(const struct node *node);
/* Why the latest connection failed or ended; "": none did. */
const char *node_last_error(const struct node *node);
/* The last error if it is one for an operator (TLS, sentinels, the server's role, or it is loading
 * its data), whose text names no host or user; else NULL. */
const char *node_public_error(const struct node *node);
/* Returns the numbers of commands by their outcome since the last call, and of reconnects. */
void node_consume_counts(struct node *node, struct store_counts *ret);

#endif

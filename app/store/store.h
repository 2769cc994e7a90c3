/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store: sends pipelines (Redis commands of one owner, sent together) to Redis without
 * blocking. store_submit() appends a pipeline's commands to the write buffer of the connection,
 * store_flush() writes the buffer to the socket, once per loop iteration, and store_next_done()
 * returns the pipelines whose replies are complete. Commands are executed in the order in which
 * they were submitted, so a later command sees the effects of earlier ones.
 *
 * node.h describes what becomes of pipelines whose replies are late or lost. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "app/store/node.h"

struct store;

/* Creates a store, which connects when the first pipeline is submitted. NULL with the reason in
 * ret_error. config must outlive the store. */
struct store *store_new(const struct config *config, char ret_error[200]);
/* Closes all connections; accepts NULL. */
void store_free(struct store *store);
/* Whether the keys are on several nodes, so that one command must not name keys of several slots.
 */
bool store_is_cluster(const struct store *store);
/* For programs that write to the store: from now on each new connection stores this program's
 * schema number (the number of the format of all records, schema.h). */
void store_enable_schema_write(struct store *store);
/* Adds ms to STORE_ROUND_TIMEOUT_MS, for programs with commands that Redis itself may block for
 * that long. */
void store_allow_blocking(struct store *store, int ms);

/* Sends the pipeline or, when that is not possible, fails it. Its limit_us is the longest wait for
 * its replies, from when it is written; 0: STORE_ROUND_TIMEOUT_MS. The store owns the pipeline
 * until store_next_done() returns it, which may happen right after this call. */
void store_submit(struct store *store, struct pipeline *pipeline, int64_t now_us);
/* Writes the commands of the submitted pipelines to the socket. */
void store_flush(struct store *store, int64_t now_us);
/* The time in milliseconds since the epoch, by the clock of Redis as far as it is known: each new
 * connection measures it. For times that are stored, or compared with stored ones. */
int64_t store_now_ms(const struct store *store);
/* Measures again, with the reply to clock_skew_cmd that has arrived just now. To be called once a
 * second by programs that run for long. */
void store_measure_clock(struct store *store, const struct command *time);
/* False until the clock has been measured. *ret_ahead_ms: how far this machine's clock is ahead of
 * that of Redis, negative when it is behind. */
bool store_clock_skew(const struct store *store, int64_t *ret_ahead_ms);
/* store_fd: the socket to poll, -1 when there is no connection. A new connection may get the same
 * descriptor number as the one before it; the generation differs for each connection. */
int store_fd(const struct store *store);
/* Number of the connection, in a cluster of the epoll descriptor. A caller compares it with the
 * number that it stored: another one means another descriptor, and maybe another server. */
unsigned store_generation(const struct store *store);
/* Whether the socket must become writable before the store can go on; with TLS that may be so with
 * no bytes left to write. */
bool store_wants_write(const struct store *store);
/* Writes pending commands and reads replies. To be called when the descriptor is readable, or is
 * writable while store_wants_write() is true. */
void store_on_ready(struct store *store, int64_t now_us);
/* Checks time limits, sends the heartbeat (ROLE) each second, and sends the breaker's probes.
 * Returns the microseconds after which it must be called again; 0 when store_next_done() has
 * pipelines to return. */
int64_t store_tick(struct store *store, int64_t now_us);
/* Completes a parked pipeline (is_parked): it has no commands, was submitted, and is in no queue,
 * since its owner waits for another pipeline. */
void store_resume(struct store *store, struct pipeline *pipeline);
/* Returns the next pipeline that is complete or failed; NULL: none. The caller owns it again. */
struct pipeline *store_next_done(struct store *store);

/* The state of the circuit breaker. *ret_failures: failures in a row. *ret_opened_at_ms: when the
 * circuit opened, in milliseconds since the epoch; 0 while it is closed. */
enum store_state store_circuit(const struct store *store, uint64_t *ret_failures,
                               int64_t *ret_opened_at_ms);
/* Whether there is a connection, in a cluster to at least one node. */
bool store_connected(const struct store *store);
/* Whether the present connection leads to a server that has said, a second ago or later, that it is
 * a master. */
bool store_has_master(const struct store *store);
/* Identifies the server of the present connection (link_server_id); "": not known, or a cluster,
 * which has several (store_server_id_of). Differs after a failover, and after a restart of Redis.
 */
const char *store_server_id(const struct store *store);
/* Identifies the server that executes writes to the key, by the run id of Redis (40 hexadecimal
 * digits); "": not known. For waiting for the replicas of that server (replicas.h). */
const char *store_server_id_of(const struct store *store, struct str key);
/* Whether Redis replies. False while the circuit is not closed, and while the oldest command
 * without a reply has waited for more than a second. Since every connection gets a heartbeat
 * each second, a Redis that hangs is noticed within about two seconds even when no request uses it.
 */
bool store_responsive(const struct store *store, int64_t now_us);
/* Whether a part of the nodes of a cluster cannot be used. store_has_master() and
 * store_responsive() are about any node. */
bool store_is_degraded(const struct store *store, int64_t now_us);
enum { STORE_SPREAD_MAX = 64 };
/* In a cluster: gets a shard of each node that has any. Returns their number, at most
 * STORE_SPREAD_MAX. 0: it is no cluster, or nothing is known. */
size_t store_spread(const struct store *store, unsigned ret_shards[STORE_SPREAD_MAX]);
/* Number of commands that were sent and have no reply yet. */
size_t store_sent_count(const struct store *store);
/* Why the latest connection failed or ended; "": none did. */
const char *store_last_error(const struct store *store);
/* Why the latest connection failed or ended, if an operator has to do something, or wait (TLS,
 * sentinels, the server's role, or it is loading its data), else NULL. The text names no host or
 * user. */
const char *store_public_error(const struct store *store);
/* Returns the numbers of commands by their outcome since the last call, and of reconnects. */
void store_consume_counts(struct store *store, struct store_counts *ret);

/* Submits the pipeline and blocks until it is done, for programs that may block (mastery-ctl).
 * Returns true when the pipeline is complete, false when it failed. */
bool store_wait(struct store *store, struct pipeline *pipeline);

#endif

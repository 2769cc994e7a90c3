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

/* Creates a store, which connects when the first pipeline is submitted. Returns NULL, with the
 * reason in ret_error, when out of memory or when a setting is wrong. config must outlive the
 * store. */
struct store *store_new(const struct config *config, char ret_error[200]);
/* Closes all connections; accepts NULL. */
void store_free(struct store *store);
/* Returns whether Redis is a cluster: a command must then not name keys of several slots. */
bool store_is_cluster(const struct store *store);
/* For programs that write to the store: from now on each new connection stores this program's
 * schema number (the number of the format of all records, schema.h). */
void store_enable_schema_write(struct store *store);
/* For programs with commands by which Redis itself may be blocked for ms milliseconds: adds ms to
 * STORE_ROUND_TIMEOUT_MS. */
void store_allow_blocking(struct store *store, int ms);

/* Sends the pipeline or, when that is not possible, fails it. Its limit_us is the longest wait for
 * its replies in microseconds, from when it is written; 0: STORE_ROUND_TIMEOUT_MS. The store owns
 * the pipeline until store_next_done() returns it, which may be right after this call. */
void store_submit(struct store *store, struct pipeline *pipeline, int64_t now_us);
/* Writes the commands of the submitted pipelines to the socket. */
void store_flush(struct store *store, int64_t now_us);
/* Returns the time in milliseconds since the epoch by the clock of Redis, as far as it is known:
 * each new connection measures it. For times that are stored, or compared with stored times. */
int64_t store_now_ms(const struct store *store);
/* Measures the clock of Redis again, by the reply to clock_skew_cmd, which must have arrived just
 * now. To be called once a second by programs that run for long. */
void store_measure_clock(struct store *store, const struct command *time);
/* Returns false until the clock has been measured. *ret_ahead_ms: how far this machine's clock is
 * ahead of that of Redis; negative when it is behind. */
bool store_clock_skew(const struct store *store, int64_t *ret_ahead_ms);
/* Returns the descriptor to poll, -1 when there is no connection. A new connection may get the same
 * descriptor number as the one before it, but it has another store_generation(). */
int store_fd(const struct store *store);
/* Returns the number of the connection (in a cluster, of the epoll descriptor). When it differs
 * from a number that the caller has stored, the descriptor is another one, and perhaps the server
 * too. */
unsigned store_generation(const struct store *store);
/* Returns whether the store must wait until the socket is writable; with TLS this may be necessary
 * even when no bytes are left to write. */
bool store_wants_write(const struct store *store);
/* Writes pending commands and reads replies. To be called when the descriptor is readable, or is
 * writable while store_wants_write() is true. */
void store_on_ready(struct store *store, int64_t now_us);
/* Checks time limits, sends the heartbeat (ROLE) each second, and sends the breaker's probes.
 * Returns the microseconds after which it must be called again; 0 when store_next_done() has
 * pipelines to return. */
int64_t store_tick(struct store *store, int64_t now_us);
/* Completes a parked pipeline (is_parked): it has no commands and was submitted, but is in no
 * queue, because its owner waits for another pipeline. */
void store_resume(struct store *store, struct pipeline *pipeline);
/* Returns the next pipeline that is complete or failed, and that belongs to its owner again; NULL
 * when there is none. */
struct pipeline *store_next_done(struct store *store);

/* Returns the state of the circuit breaker. *ret_failures: failures in a row. *ret_opened_at_ms:
 * when the circuit opened, in milliseconds since the epoch; 0 while it is closed. */
enum store_state store_circuit(const struct store *store, uint64_t *ret_failures,
                               int64_t *ret_opened_at_ms);
/* Returns whether there is a connection, in a cluster to at least one node. */
bool store_connected(const struct store *store);
/* Returns whether the server of the present connection (in a cluster: of any) has said within about
 * the last second that it is a master. */
bool store_has_master(const struct store *store);
/* Returns the run id of the present connection's server (link_server_id), which differs after a
 * failover and after a restart of Redis; "" when unknown, and for a cluster, which has several
 * servers (store_server_id_of). */
const char *store_server_id(const struct store *store);
/* Returns the run id (40 hexadecimal digits) of the server that executes writes to the key; "" when
 * unknown. For waiting for the replicas of that server (replicas.h). */
const char *store_server_id_of(const struct store *store, struct str key);
/* Returns whether Redis replies: the circuit is closed, and no command has waited for more than a
 * second. Since every connection gets a heartbeat each second, a Redis that hangs is noticed within
 * about two seconds even when no request uses it. */
bool store_responsive(const struct store *store, int64_t now_us);
/* Returns whether Redis is a cluster of which at least one node with slots cannot be used. (For
 * store_has_master() and store_responsive() one node that can be used is enough.) */
bool store_is_degraded(const struct store *store, int64_t now_us);
enum { STORE_SPREAD_MAX = 64 }; /* most shards that store_spread returns */
/* For a cluster: writes to ret_shards one shard (group of keys in one slot) for each node that has
 * any, so that commands on these shards reach all nodes. Returns their number, at most
 * STORE_SPREAD_MAX; 0 when Redis is no cluster, or no node is known. */
size_t store_spread(const struct store *store, unsigned ret_shards[STORE_SPREAD_MAX]);
/* Returns the number of commands that were sent and have no reply yet. */
size_t store_sent_count(const struct store *store);
/* Returns why the latest connection failed or ended; "" when none has. */
const char *store_last_error(const struct store *store);
/* Returns why the latest connection failed or ended if an operator must act or wait (TLS,
 * sentinels, the server's role or loading); NULL for other reasons. The text names no host or user.
 */
const char *store_public_error(const struct store *store);
/* Fills *ret with the numbers of commands by their outcome, and of reconnects, since the last call.
 */
void store_consume_counts(struct store *store, struct store_counts *ret);

/* Submits the pipeline and blocks until it is done, for programs that may block (mastery-ctl).
 * Returns true when the pipeline is complete, false when it failed. */
bool store_wait(struct store *store, struct pipeline *pipeline);

#endif

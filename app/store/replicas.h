/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waits until STORE_WAIT_REPLICAS replicas have the writes that Redis has confirmed, by the command
 * WAIT. Redis blocks the connection that sends WAIT, so WAIT has a connection of its own: neither
 * reads nor other writes ever wait for it. One WAIT at a time serves all requests that wait. WAIT
 * counts only the earlier writes of its own connection; so a small write is sent before it, and a
 * replica that has this write has all that Redis executed before it. That holds for writes to the
 * same server only: after a failover one of two connections may still lead to the old one. */
#ifndef STORE_REPLICAS_H
#define STORE_REPLICAS_H

#include "app/store/store.h"

struct replicas;

/* Makes what lets requests wait for replicas, with a store (connection) of its own for WAIT, which
 * blocks it. NULL with the reason in ret_error: it cannot be made. config must outlive the result;
 * its store_wait_replicas is not 0. */
struct replicas *replicas_new(const struct config *config, char ret_error[200]);
/* Closes the connection that sends WAIT and frees it; accepts NULL. */
void replicas_free(struct replicas *replicas);
/* Returns the store with the connection that sends WAIT, so that the event loop can watch its
 * socket. Only replicas_tick may call store_flush and store_tick for it. */
struct store *replicas_store(struct replicas *replicas);

/* Waits for the replicas to have all writes whose replies this process has read from the server
 * with this id (store_server_id). The pipeline has no commands; its limit_us is how long it may
 * wait. replicas_next_done() returns it when the replicas have them (PIPELINE_COMPLETE), the limit
 * is reached, or writes of another server follow (PIPELINE_FAILED). */
void replicas_submit(struct replicas *replicas, struct pipeline *pipeline, const char *server_id,
                     int64_t now_us);
/* Returns the next pipeline that has finished waiting for the replicas, successfully or not; NULL:
 * none. */
struct pipeline *replicas_next_done(struct replicas *replicas, int64_t now_us);
/* Sends WAIT when there is none on its way, and fails the pipelines that have waited for limit_us.
 * To be called once a loop iteration. Returns the microseconds after which it must be called again.
 */
int64_t replicas_tick(struct replicas *replicas, int64_t now_us);

#endif

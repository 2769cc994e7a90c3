/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waits by the command WAIT until STORE_WAIT_REPLICAS replicas have the writes that Redis has
 * confirmed. Redis blocks the connection that sends WAIT, so WAIT has its own connection: no read
 * and no other write is delayed. One WAIT at a time serves all requests that wait. WAIT counts only
 * the earlier writes of its own connection. Therefore a small write is sent before it: a replica
 * that has this write has all that Redis executed before it. That is true only for writes to the
 * same server: after a failover one of two connections may still lead to the old one. */
#ifndef STORE_REPLICAS_H
#define STORE_REPLICAS_H

#include "app/store/store.h"

struct replicas;

/* Makes the struct by which requests wait for replicas, with its own store (connection), which WAIT
 * blocks. Returns NULL with the reason in ret_error. config must outlive the result, and its
 * store_wait_replicas must not be 0. */
struct replicas *replicas_new(const struct config *config, char ret_error[200]);
/* Closes the connection that sends WAIT and frees it; accepts NULL. */
void replicas_free(struct replicas *replicas);
/* Returns the store with the connection that sends WAIT, so that the event loop can watch its
 * socket. Only replicas_tick may call store_flush and store_tick for it. */
struct store *replicas_store(struct replicas *replicas);

/* Waits until the replicas have all writes to the server with this id (store_server_id) whose
 * replies this process has read. The pipeline has no commands; its limit_us is how long it may
 * wait. replicas_next_done() returns it as PIPELINE_COMPLETE when the replicas have the writes, or
 * as PIPELINE_FAILED when the limit is reached or writes to another server follow. */
void replicas_submit(struct replicas *replicas, struct pipeline *pipeline, const char *server_id,
                     int64_t now_us);
/* Returns the next pipeline that has finished waiting for the replicas, successfully or not; NULL
 * when there is none. */
struct pipeline *replicas_next_done(struct replicas *replicas, int64_t now_us);
/* Sends WAIT unless one has no reply yet, and fails the pipelines that have waited for limit_us. To
 * be called once in each loop iteration. Returns the microseconds after which it must be called
 * again. */
int64_t replicas_tick(struct replicas *replicas, int64_t now_us);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The request header Idempotency-Key (docs/api.md, Idempotency). The first response to a request
 * with a key is stored for a day and replayed to repetitions of the same caller. A repetition gets
 * 409 with Retry-After while the first request is running, and 409 without it when its body differs
 * from that of the first request.
 *
 * The key is acquired in the same round trip as the handler's first commands. How it ends:
 * - success: the response is stored in a round trip of its own before it is sent; when that fails,
 *   503 is sent instead;
 * - a refusal: the key is released;
 * - an error of the server, after which the change may have been made: the record still says
 *   "running", and a repetition with the same body may acquire the key at once;
 * - no end, because the process died: such a repetition may acquire the key when the lease of the
 *   first request (the time for which it owns the key) has ended.
 *
 * Such a repetition does not make the change a second time: the change stores a marker
 * (idempotency_marker) with what it changes, and is not made where the marker is found. The marker
 * is a random id in the record, so a repetition has the marker of the first request until the
 * record expires. */
#ifndef PIPELINE_IDEMPOTENCY_H
#define PIPELINE_IDEMPOTENCY_H

#include "app/pipeline/exchange.h"

/* A step before the handler: queues the command that acquires the key. Does nothing, and returns
 * true, without the header or on a route without ROUTE_IDEMPOTENT. Returns false with x->problem.
 */
bool idempotency_queue_acquire(struct exchange *x);
/* For a handler that parses the students of the request itself; to be called in its first step.
 * Adds the key's record to a list of each student, so that the erasure of a student deletes it.
 * Does nothing without a key. Sets x->problem when out of memory. */
void idempotency_queue_students(struct exchange *x, const struct str_list *students);
/* To be called after each round trip. Returns true when the handler may run; false when x->problem
 * is set or x->response holds a complete replayed response. */
bool idempotency_on_replies(struct exchange *x);
/* To be called when the handler is done: queues a command that stores the response or releases the
 * key. Returns true when a command was queued, false when the request owns no key. */
bool idempotency_queue_finish(struct exchange *x);
/* To be called after the round trip of idempotency_queue_finish. Sets x->problem (503) when the
 * response of a success is not stored. */
void idempotency_on_finish(struct exchange *x);
/* Returns the marker. From it the handler makes the id of what it writes, such as the event_id of a
 * change of the score, so that a repetition can find what the first request has written. Known
 * after the first round trip; empty before, and without a key. */
struct str idempotency_marker(const struct exchange *x);

#endif

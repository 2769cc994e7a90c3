/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The request header Idempotency-Key (docs/api.md, Idempotency). The first response to a request
 * with a key is stored for a day and replayed to repetitions of the same caller. A repetition gets
 * 409 with Retry-After while the first request is running, and 409 without it when its body differs
 * from that of the first request.
 *
 * The key is acquired in the same round trip as the handler's first commands. The response is
 * stored in a round trip of its own before it is sent. Responses of successful requests are stored;
 * one that could not be stored is not sent, but 503. After a refusal the key is released. A request
 * whose outcome is unknown (an error of the server, or the process died) leaves a record that says
 * "running". A repetition with the same body may acquire it, after such an error at once, otherwise
 * when the lease of the first request has ended. The change has stored a marker (the id of
 * idempotency_marker) with what it changed, which prevents that it is made a second time. The
 * marker is a random id from the record, so it means nothing any more when the record has expired.
 */
#ifndef PIPELINE_IDEMPOTENCY_H
#define PIPELINE_IDEMPOTENCY_H

#include "app/pipeline/exchange.h"

/* A step before the handler: queues the command that acquires the key. Does nothing, and returns
 * true, without the header or on a route without ROUTE_IDEMPOTENT. Returns false with x->problem.
 */
bool idempotency_queue_acquire(struct exchange *x);
/* For a handler that has parsed the students of the request itself; to be called in its first step.
 * Lists the record of the key for each of them, so that the erasure of a student deletes it. Does
 * nothing without a key. Sets x->problem when out of memory. */
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
/* Returns the id that this request's change stores to show that it was made. Known after the first
 * round trip; empty before it and without a key. */
struct str idempotency_marker(const struct exchange *x);

#endif

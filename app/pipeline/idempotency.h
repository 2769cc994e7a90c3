/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Idempotency-Key (docs/api.md, Idempotency): the first response to a key is replayed to the same
 * caller for a day. While the first request is running, and for another body under the same key,
 * the response is 409.
 *
 * The key is acquired in the round trip of the handler's first commands. The response is stored in
 * a round trip of its own before it is sent. Only success is stored: after an error the key is free
 * again. A process that dies between the change and the storing leaves a record that says
 * "running"; when no request can be running any more, the same body may acquire the key again, and
 * the marker that the change itself set prevents a second change (idempotency_marker). */
#ifndef PIPELINE_IDEMPOTENCY_H
#define PIPELINE_IDEMPOTENCY_H

#include "app/pipeline/exchange.h"

/* A step: queues the acquisition. Does nothing without the header, or on a route without
 * ROUTE_IDEMPOTENT. False with x->problem. */
bool idempotency_queue_acquire(struct exchange *x);
/* After each round trip: true when the handler may run; false when x->problem is set or a replayed
 * response is complete. */
bool idempotency_on_replies(struct exchange *x);
/* When the handler is done: queues the storing of the response, or the release of the key. False
 * when there is nothing to queue. */
bool idempotency_queue_finish(struct exchange *x);
/* The id under which this request's change is recorded as made; empty without a key. */
struct str idempotency_marker(const struct exchange *x);

#endif

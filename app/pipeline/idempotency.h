/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Idempotency-Key (api-contract section 1): the first answer to a key is replayed to the same
 * caller for a day; while the first still runs, and for another body under the same key, 409.
 *
 * The key's record is taken in the round of the handler's first questions, and the answer put into
 * it in a round of its own before it goes out. Only success is kept: after an error the key is free
 * again. A process that dies between doing and keeping leaves a record that says "running": when no
 * request could run any more, the same body may have the key, and that nothing is done twice then
 * is seen to by the marker that the change itself sets (idempotency_marker). */
#ifndef PIPELINE_IDEMPOTENCY_H
#define PIPELINE_IDEMPOTENCY_H

#include "app/pipeline/exchange.h"

/* Looks at the header and asks for the record. Without a header, or on a route that does not keep
 * answers, nothing happens. False with x->problem. */
bool idempotency_queue_acquire(struct exchange *x);
/* After that round: true when the handler is to run; false when x->problem or a replayed response
 * is complete. */
bool idempotency_on_replies(struct exchange *x);
/* The handler is done: asks for the answer to be kept, or the key to be free again. False when
 * there is nothing to ask. */
bool idempotency_queue_finish(struct exchange *x);
/* What marks the change that this request makes as done; empty without a key. */
struct str idempotency_marker(const struct exchange *x);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way of a request, from arrival to answer: dispatch_begin reads like the list of its steps. */
#ifndef PIPELINE_DISPATCH_H
#define PIPELINE_DISPATCH_H

#include "app/pipeline/exchange.h"

/* Called when there is a good piece of a streamed answer: x->response is to be sent as far as it
 * goes, and its body to be emptied. False when nobody takes it any more. */
typedef bool exchange_chunk_ready(struct exchange *x);
/* Called when the answer is complete: x->response is to be sent, then the exchange reset. */
typedef void exchange_finished(struct exchange *x);
/* Called when nothing uses the exchange any more: at once after finished, or, when an answer went
 * out before the store had replied to its questions, when it has. Only then may the arena be reset.
 */
typedef void exchange_released(struct exchange *x);

struct dispatch {
    struct engine *engine;
    exchange_chunk_ready *chunk_ready;
    exchange_finished *finished;
    exchange_released *released;
    struct exchange *heavy, **heavy_end; /* requests of heavy routes whose next step waits */
    size_t active;
};

void dispatch_init(struct dispatch *d, struct engine *engine, exchange_chunk_ready *piece,
                   exchange_finished *finished, exchange_released *released);
/* x->request is filled; engine, arena, connection are set. Answers at once, or when the store has.
 */
void dispatch_begin(struct dispatch *d, struct exchange *x);
/* Once a turn, after its arrivals: takes the store's replies on to their requests, lets one heavy
 * request take one step, and sends to the store what was asked. True when another turn has work at
 * once. */
bool dispatch_process(struct dispatch *d);

#endif

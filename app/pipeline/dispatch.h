/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Takes requests through their steps, from arrival to response (dispatch.c has the list). One
 * dispatcher serves all exchanges of a process, in its one thread; nothing here blocks. */
#ifndef PIPELINE_DISPATCH_H
#define PIPELINE_DISPATCH_H

#include "app/pipeline/exchange.h"

/* A chunk of a streamed response is ready: send x->response as far as it goes and empty its body.
 * False when the client no longer reads. */
typedef bool exchange_chunk_ready(struct exchange *x);
/* The response is complete: send x->response. Called once for each exchange. */
typedef void exchange_finished(struct exchange *x);
/* Nothing uses the exchange any more, so its arena may be reset: right after exchange_finished, or
 * later, when commands were still in flight as the response went out. Called once. */
typedef void exchange_released(struct exchange *x);

struct dispatch {
    struct engine *engine;
    exchange_chunk_ready *chunk_ready;
    exchange_finished *finished;
    exchange_released *released;
    struct exchange *heavy, **heavy_end; /* queue: requests of heavy routes ready for a step */
    size_t active;                       /* exchanges begun and not finished */
};

void dispatch_init(struct dispatch *d, struct engine *engine, exchange_chunk_ready *chunk_ready,
                   exchange_finished *finished, exchange_released *released);
/* Begins an exchange. engine, arena, connection and request are filled, all else is zero. The
 * callbacks may run before this returns. */
void dispatch_begin(struct dispatch *d, struct exchange *x);
/* Once a loop iteration, after its arrivals: passes the store's replies to their exchanges, lets
 * one heavy request take one step, and sends all queued commands. True when heavy requests are
 * waiting, so the loop must not sleep. */
bool dispatch_process(struct dispatch *d);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Leads requests through their steps, from arrival to response (dispatch.c lists the steps). One
 * dispatcher serves all exchanges (requests with their responses) of a process. It runs in the
 * thread of the event loop and never blocks. */
#ifndef PIPELINE_DISPATCH_H
#define PIPELINE_DISPATCH_H

#include "app/pipeline/exchange.h"

/* Callback for a chunk of a streamed response. It sends the bytes that x->response holds so far and
 * empties the body. It returns false when the client no longer reads. */
typedef bool exchange_chunk_ready(struct exchange *x);
/* Callback for a complete response. It sends x->response. Called once for each exchange. */
typedef void exchange_finished(struct exchange *x);
/* Callback for an exchange that the dispatcher no longer uses, so that its arena may be reset.
 * Called once for each exchange, after exchange_finished. */
typedef void exchange_released(struct exchange *x);

/* A queue of exchanges, linked by their member next. */
struct exchange_queue {
    struct exchange *first; /* NULL: empty */
    /* points to the NULL pointer at the end of the list, where the next exchange is added */
    struct exchange **end;
    size_t n;
};

struct dispatch {
    struct engine *engine;             /* services that all requests share: store, log, metrics */
    exchange_chunk_ready *chunk_ready; /* sends a part of a streamed response */
    exchange_finished *finished;       /* sends the complete response */
    exchange_released *released;       /* frees what belongs to the exchange */
    struct exchange_queue heavy;       /* exchanges of heavy routes that are ready for a step */
    /* exchanges that wait for keys of the identity provider, by which their token may be valid */
    struct exchange_queue awaiting_keys;
    size_t active; /* number of exchanges that have begun and not finished */
};

/* Makes a dispatcher without exchanges. engine must live as long as the dispatcher. */
void dispatch_init(struct dispatch *dispatch, struct engine *engine,
                   exchange_chunk_ready *chunk_ready, exchange_finished *finished,
                   exchange_released *released);
/* Begins an exchange. The caller has filled the members engine, arena, connection and request; all
 * other members are zero. The callbacks may run before this function returns. */
void dispatch_begin(struct dispatch *dispatch, struct exchange *x);
/* To be called once in each iteration of the event loop, after new requests were begun. Passes the
 * replies of Redis to their exchanges, runs one step of one heavy request, and sends all queued
 * commands. Returns true when heavy requests are waiting for a step: the event loop must then not
 * wait for events. */
bool dispatch_process(struct dispatch *dispatch);

#endif

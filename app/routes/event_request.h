/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the routes that record a list of events have in common. */
#ifndef ROUTES_EVENT_REQUEST_H
#define ROUTES_EVENT_REQUEST_H

#include "app/ingest/event_batch.h"
#include "app/pipeline/exchange.h"

/* Copies from the request to the batch what each event's record needs: time, caller and ids for the
 * audit log. The items are set by the handler. */
void event_request_begin(const struct exchange *x, struct event_batch *batch);

#endif

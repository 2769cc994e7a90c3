/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/routes/event_request.h"

void event_request_begin(const struct exchange *x, struct event_batch *batch)
{
    batch->now_ms = x->now_ms;
    batch->actor = x->caller.user;
    batch->actor_role = role_names[x->caller.role];
    batch->correlation_id = x->request_id;
    batch->traceparent = exchange_traceparent(x);
}

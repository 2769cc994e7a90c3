/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every response has, whichever route made it, and what it leaves in the log and metrics. */
#ifndef PIPELINE_RESPOND_H
#define PIPELINE_RESPOND_H

#include "app/pipeline/exchange.h"

/* The headers of every response: trace and Cache-Control. Once, before the head is sent. */
void respond_add_headers(struct exchange *x);
/* A path that exists, without this method: 204 for OPTIONS, else x->problem 405; both with Allow.
 */
void respond_allowed_methods(struct exchange *x);
/* Makes x->response final: from x->problem, if there is one, by the route's finalize, with all
 * headers. */
void respond_complete(struct exchange *x);
/* One line in the access log and one request in the metrics. */
void respond_report(const struct exchange *x);

#endif

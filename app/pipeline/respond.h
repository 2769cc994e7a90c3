/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Completes the response of every request, for all routes alike: adds common headers, converts an
 * error into a response, and reports it in the log and the metrics. */
#ifndef PIPELINE_RESPOND_H
#define PIPELINE_RESPOND_H

#include "app/pipeline/exchange.h"

/* Adds the headers that all responses have: the trace, and Cache-Control where it is needed. To be
 * called once for each exchange, before its headers are sent. */
void respond_add_headers(struct exchange *x);
/* Responds to a request whose path exists but does not have the method. The response to OPTIONS is
 * 204; for other methods x->problem becomes 405. Both have the header Allow. */
void respond_allowed_methods(struct exchange *x);
/* Makes x->response final: replaces it by the error in x->problem if there is one, lets the route's
 * finalize change its form, and adds the common headers. */
void respond_complete(struct exchange *x);
/* Writes one line to the log and counts one request in the metrics. */
void respond_report(const struct exchange *x);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two steps before the handler that find out who the caller is. They set x->caller (user and role)
 * and x->authority (what proved it). They return false, with x->problem set, to refuse the request.
 */
#ifndef PIPELINE_AUTHENTICATE_H
#define PIPELINE_AUTHENTICATE_H

#include "app/pipeline/exchange.h"

/* Identifies the caller by the Authorization header, or by the sidecar's own token. Returns true
 * and leaves AUTHORITY_NONE on an open route, and when the token may still be in the body. */
bool authenticate_by_header(struct exchange *x);
/* Identifies the caller by security_context.token of the parsed body. Does nothing, and returns
 * true, on a route without ROUTE_TOKEN_IN_BODY. */
bool authenticate_by_body(struct exchange *x);

#endif

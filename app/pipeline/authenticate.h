/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps that find out who the caller is: x->authority and x->caller. False with x->problem. */
#ifndef PIPELINE_AUTHENTICATE_H
#define PIPELINE_AUTHENTICATE_H

#include "app/pipeline/exchange.h"

/* By the Authorization header, or by the sidecar's own token. Leaves AUTHORITY_NONE on an open
 * route, and where the token may still be in the body. */
bool authenticate_by_header(struct exchange *x);
/* By security_context.token of the parsed body, on a route with ROUTE_TOKEN_IN_BODY only. */
bool authenticate_by_body(struct exchange *x);

#endif

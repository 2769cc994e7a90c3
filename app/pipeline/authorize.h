/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps that decide whether the caller may use the route (auth/access.c has the table of rights).
 * Access that a handler decides itself (ACCESS_HANDLER) passes here. */
#ifndef PIPELINE_AUTHORIZE_H
#define PIPELINE_AUTHORIZE_H

#include "app/pipeline/exchange.h"

/* What the role alone decides, before the body is read. False with x->problem. */
bool authorize_role(struct exchange *x);
/* What depends on the student or cohort. A teacher's right depends on cohorts in Redis: then
 * x->access_pending is set and commands are queued for the first round trip. False with x->problem.
 */
bool authorize_queue_subject(struct exchange *x);
/* After the first round trip, when x->access_pending: clears it when access is granted, else sets
 * x->problem. */
void authorize_on_replies(struct exchange *x);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps that decide whether the caller may use the route (auth/access.c has the table of rights).
 * A route with ACCESS_HANDLER passes here, because its handler decides. Functions that return bool
 * return false, with x->problem set, to refuse the request. */
#ifndef PIPELINE_AUTHORIZE_H
#define PIPELINE_AUTHORIZE_H

#include "app/pipeline/exchange.h"

/* Decides by the caller's role alone, before the body is read: refuses others on an admin's route.
 */
bool authorize_role(struct exchange *x);
/* Decides by the student or cohort that the request is about. When the right depends on cohorts in
 * Redis, sets x->access_pending, queues commands for the first round trip and returns true. */
bool authorize_queue_subject(struct exchange *x);
/* Decides by the replies of the first round trip, when x->access_pending is set. Clears
 * x->access_pending when the access is granted, else leaves it set and sets x->problem. */
void authorize_on_replies(struct exchange *x);

#endif

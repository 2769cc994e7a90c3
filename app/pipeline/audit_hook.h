/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a request leaves in the audit log, by its route's row and its answer; no handler has a hand
 * in it, but that it may say in x->about whom it has found itself to be about.
 *
 * | what                                             | recorded                                   |
 * | ------------------------------------------------ | ------------------------------------------ |
 * | 403 anywhere, 401 of a personal or admin's route | a refusal: at once, then counted           |
 * | answered, or 404: ROUTE_PERSONAL                 | a read, counted for each minute            |
 * | ... ROUTE_AUDIT_EACH, ACCESS_EXPORT, ACCESS_ADMIN   | each by itself, under the route's name; |
 * |     with another method than GET                 | when it failed too                         |
 * | ... ROUTE_JOURNALED                               | nothing here: the change tells of itself |
 * | anything else                                    | nothing                                    |
 * | x->refused, whatever the answer                  | a refusal of each, and nothing else        |
 */
#ifndef PIPELINE_AUDIT_HOOK_H
#define PIPELINE_AUDIT_HOOK_H

#include "app/pipeline/exchange.h"

/* May the exchange go on? Not when the audit log has no room for what would have to be noted: 503
 * in x->problem. */
bool audit_hook_reserve(struct exchange *x);
/* Once the answer is known, whether it has begun or not. */
void audit_hook_record(struct exchange *x);

#endif

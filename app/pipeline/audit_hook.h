/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a request leaves in the audit log. Its route's row, the subjects marked in its rules and its
 * response decide; a handler only adds what it alone knows (audit_subjects, audit_denied and
 * unjournaled of struct exchange). docs/audit.md, What is recorded, describes the result.
 *
 * | request                                           | audit event                              |
 * | ------------------------------------------------- | ---------------------------------------- |
 * | status 403; 401 of a personal or an admin's route | denied: at once, repetitions counted     |
 * | ROUTE_PERSONAL, status below 400 or 404           | a read, aggregated by minute             |
 * | ROUTE_AUDIT_EACH, ACCESS_EXPORT, or ACCESS_ADMIN  | one each, under the route's name, also   |
 * |   with another method than GET                    |   with status 500 and above              |
 * | ROUTE_JOURNALED                                   | none here: the worker makes it from the  |
 * |                                                   |   journal entry of the change            |
 * | x->audit_denied is not empty, any status          | denied for each student in it, else none |
 */
#ifndef PIPELINE_AUDIT_HOOK_H
#define PIPELINE_AUDIT_HOOK_H

#include "app/pipeline/exchange.h"

/* A step: reserves room for the event. Without room no access may happen unrecorded: false, with
 * 503 in x->problem, unless the route is open. */
bool audit_hook_reserve(struct exchange *x);
/* Adds the events once the response is complete, sent or not, and gives the reserved room back. */
void audit_hook_record(struct exchange *x);

#endif

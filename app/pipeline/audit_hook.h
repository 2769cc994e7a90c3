/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes the events of the audit log for one request. Three things decide which events: the row of
 * the route, the subjects (students, cohorts, batches) that the rules of the route mark in the
 * input, and the response. A handler adds what follows from none of these (audit_subjects,
 * audit_denied and unjournaled of struct exchange). docs/audit.md, What is recorded, describes the
 * result.
 *
 * | request                                           | audit event                              |
 * | ------------------------------------------------- | ---------------------------------------- |
 * | status 403; 401 of a personal or an admin's route | denied: at once, repetitions counted     |
 * | ROUTE_PERSONAL, status below 400 or 404           | a read, aggregated by minute             |
 * | ROUTE_AUDIT_EACH, ACCESS_EXPORT, or ACCESS_ADMIN  | one each, under the route's name, also   |
 * |   with another method than GET                    |   with status 500 and above              |
 * | ROUTE_JOURNALED                                   | none here: the worker makes it from the  |
 * |                                                   |   journal entry of the change            |
 * | x->audit_denied is not empty, any status          | denied for each student; no other event  |
 */
#ifndef PIPELINE_AUDIT_HOOK_H
#define PIPELINE_AUDIT_HOOK_H

#include "app/pipeline/exchange.h"

/* Adds the audit events of an exchange whose response is complete, whether or not the client
 * received it, to the queue of the audit log. Does nothing for a request that matched no route. */
void audit_hook_record(struct exchange *x);

#endif

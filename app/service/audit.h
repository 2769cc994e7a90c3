/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Brings the audit events of a serving process to the audit log. A request only adds an event in
 * memory; once a loop iteration the events that are due are sent together, after the commands of
 * the requests, and no request waits for them. Repeated reads of one student by one user over one
 * route become one event with a count. Such reads are sent after AUDIT_MAX_DELAY_US at the latest,
 * all other events in the same loop iteration: that is how much a kill -9 may lose.
 *
 * No event is dropped. What Redis refuses is sent again, so after a lost reply some records may be
 * there twice. When there is no room for another event, requests that would need one are refused:
 * no access without a record. */
#ifndef SERVICE_AUDIT_H
#define SERVICE_AUDIT_H

#include "app/auth/principal.h"
#include "app/store/audit.h"

struct audit;
struct engine;

#define AUDIT_MAX_DELAY_US INT64_C(500000)

/* action, resource_type, route and via must live as long as the process; the other texts are
 * copied. */
struct audit_event {
    const struct principal *principal;
    enum audit_mode mode;
    bool success;
    int status;                /* HTTP status; recorded when success is false */
    const char *action;        /* read, write, or the route's name */
    const char *resource_type; /* such as cohort */
    struct str resource_name;  /* id of the resource; may be empty */
    const char *route;
    const char *via;     /* the route of the request, when it delegated to `route`; else NULL */
    struct str student;  /* empty: the event concerns no student, or several */
    struct str subjects; /* JSON members that name the students, when they are too many for an event
                          * each */
    struct str correlation_id;
    int64_t now_ms;
};

struct audit *audit_new(void);        /* NULL without memory */
void audit_free(struct audit *audit); /* takes NULL */

/* Reserves room for one event until audit_unreserve; false when there is none. */
bool audit_reserve(struct audit *audit);
void audit_unreserve(struct audit *audit);
/* Room for events that is not reserved. */
size_t audit_room(const struct audit *audit);
/* Call once between audit_reserve and audit_unreserve; more often only as far as audit_room says.
 * Does nothing when audit is NULL. */
void audit_event_add(struct audit *audit, const struct audit_event *event);

/* Once a loop iteration, before store_flush: sends what is due. */
void audit_tick(struct engine *engine, int64_t now_us);
/* Whether the completed pipeline is that of the audit; then it is handled here. */
bool audit_on_replies(struct engine *engine, const struct pipeline *completed, int64_t now_us);
/* How long until audit_tick has something to do; INT64_MAX: not before another event or reply. */
int64_t audit_wait_us(const struct engine *engine, int64_t now_us);
/* Events that Redis has not confirmed yet. */
size_t audit_pending(const struct audit *audit);

#endif

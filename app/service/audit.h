/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sends the audit events of a serving process (who accessed whose data) to the audit log in Redis.
 * A request only adds an event in memory. Once a loop iteration, the events that are due are sent
 * together, after the commands of the requests, and no request waits for them. Repeated reads of
 * one student by one user over one route become one event with a count ("aggregated"). Aggregated
 * events are sent after AUDIT_MAX_DELAY_US at the latest, all other events in the same loop
 * iteration. A process that is killed loses the events that it has not sent yet.
 *
 * A running process drops no event, and refuses no request for lack of room. After a lost reply the
 * process first queries what Redis has recorded, so that nothing is recorded twice. An event that
 * Redis refuses is sent again after a pause, and waits apart from the others, which are not held
 * up. An event that Redis has refused too often, or for which there is no room, becomes a line of
 * the process's log (audit_unstored.h). */
#ifndef SERVICE_AUDIT_H
#define SERVICE_AUDIT_H

#include "app/auth/principal.h"
#include "app/store/audit.h"

struct audit;
struct engine;

/* longest wait of an event that counts repeated reads ("aggregated"); others do not wait */
#define AUDIT_MAX_DELAY_US INT64_C(500000)

/* One access, as a request reports it. The texts action, resource_type, route and via must live as
 * long as the process, because only their addresses are kept. The other texts are copied. */
struct audit_event {
    const struct principal *principal; /* the actor: who sent the request */
    enum audit_mode mode;              /* whether it becomes a record at once, or is counted */
    bool success;                      /* false: the request was refused or failed */
    int status;                /* HTTP status of the response; recorded when success is false */
    const char *action;        /* "read", "write", or the route's name */
    const char *resource_type; /* kind of data, such as "cohort" */
    struct str resource_name;  /* id of the resource; may be empty */
    const char *route;         /* name of the route that accessed the data */
    const char *via;    /* name of the route that called `route` on behalf of the client, or NULL */
    struct str student; /* id of the student concerned; empty: none, or several */
    /* JSON members with the number of the students concerned and a digest of their ids, when they
     * are too many for one event each; else empty */
    struct str subjects;
    struct str correlation_id; /* id of the request */
    int64_t now_ms;            /* time of the access (epoch ms) */
};

/* Makes the sender of audit events of a process, without events. NULL when out of memory. */
struct audit *audit_new(void);
/* Releases `audit`, with the events that were not sent; NULL is ignored. */
void audit_free(struct audit *audit);

/* Adds an event. Does nothing when engine->audit is NULL, as in the worker and mastery-ctl, which
 * write their audit records in other ways. */
void audit_event_add(struct engine *engine, const struct audit_event *event);

/* Sends the events that are due. Call it once a loop iteration, before store_flush. */
void audit_tick(struct engine *engine, int64_t now_us);
/* Processes the replies to a pipeline that audit_tick has sent. To be called with each pipeline
 * that has ended. False: the pipeline is another module's, and nothing was done. */
bool audit_on_replies(struct engine *engine, const struct pipeline *completed, int64_t now_us);
/* Returns the microseconds until audit_tick has something to send. INT64_MAX: it has nothing to
 * send until an event is added or a reply arrives. */
int64_t audit_wait_us(const struct engine *engine, int64_t now_us);
/* Returns the number of events that Redis has not confirmed yet. audit may be NULL: 0. */
size_t audit_pending(const struct audit *audit);
/* Writes the events that Redis has not confirmed to the log, at the end of the process. */
void audit_log_pending(struct engine *engine);

#endif

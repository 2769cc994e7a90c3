/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a serving process has to tell the audit log, on its way there. A request only leaves a note
 * here, in memory; once a turn the notes that are due are sent together, behind the requests' own
 * commands, and nobody waits for them. Repeated reads of one student by one actor over one route
 * are one note with a count; they wait for AUDIT_MAX_DELAY_US, everything else goes with the same
 * turn. That is what a kill -9 may lose.
 *
 * Nothing is dropped: notes that the store does not take are sent again (so that after a lost round
 * some are there twice), and when there is no room for more, the dispatcher refuses what would have
 * to be noted: no access without a trace. */
#ifndef SERVICE_AUDIT_H
#define SERVICE_AUDIT_H

#include "app/auth/principal.h"
#include "app/store/audit.h"

struct audit;
struct engine;

#define AUDIT_MAX_DELAY_US INT64_C(500000)

/* The texts of action, area, route and via live as long as the process; the others are copied. */
struct audit_event {
    const struct principal *principal;
    enum audit_mode way;
    bool success;
    int status;                /* of the answer; told when it is not a success */
    const char *action;        /* read, write, or the route's name */
    const char *resource_type; /* type of the resource */
    struct str resource_name;  /* of the resource; empty: none */
    const char *route;
    const char *via;     /* the route by which it came, where that is another; may be NULL */
    struct str student;  /* empty: about nobody in particular, or about many */
    struct str subjects; /* JSON members that say whom, where they are too many for a note each */
    struct str correlation_id;
    int64_t now_ms;
};

struct audit *audit_new(void);        /* NULL without memory */
void audit_free(struct audit *audit); /* takes NULL */

/* Holds room for one note, until audit_unreserve; false: there is none. */
bool audit_reserve(struct audit *audit);
void audit_unreserve(struct audit *audit);
/* Notes that there is room for beside those for which it is held. */
size_t audit_room(const struct audit *audit);
/* One for each audit_reserve, before audit_unreserve; more only as far as there is audit_room. */
void audit_event_add(struct audit *audit, const struct audit_event *note);

/* Once a turn, before the store is flushed: sends what is due. */
void audit_tick(struct engine *engine, int64_t now_us);
/* Whether these asks, which have come back from the store, are the audit's: then it takes them. */
bool audit_on_replies(struct engine *engine, const struct pipeline *done, int64_t now_us);
/* Until audit_tick has something to do; INT64_MAX: nothing that is known of. */
int64_t audit_wait_us(const struct engine *engine, int64_t now_us);
/* Notes that have not been taken by the store yet. */
size_t audit_pending(const struct audit *audit);

#endif

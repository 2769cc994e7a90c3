/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the audit log has about one student, for the export: all records of the student's shard that
 * name the student's pseudonym as the one concerned or as the one who acted, oldest first, in
 * bounded pages. */
#ifndef SERVICE_AUDIT_TRAIL_H
#define SERVICE_AUDIT_TRAIL_H

#include "app/base/json_write.h"
#include "app/http/route.h"
#include "app/store/audit.h"

struct audit_trail {
    /* in */
    struct str student;
    /* out, after each STEP_DONE without a problem: some more of them, perhaps none */
    const struct audit_entry *entries;
    size_t n;
    bool ended; /* there are no more */
    /* own */
    struct ask *asked;
    struct str pseudonym;
    char from[STREAM_ID_SIZE + 1];
};

/* Call with all but student zeroed; again after each round of asks until STEP_DONE, then again for
 * the next page until ended. A page lives in the arena of the asks, a thousand records at most. */
enum step audit_trail_step(struct audit_trail *t, struct asks *asks, struct problem *p);

/* A record as clients get it: {id, user_id, action, resource, timestamp, ...}. */
void audit_entry_write(struct jw *w, const struct audit_entry *entry, unsigned shard);

#endif

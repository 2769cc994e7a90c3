/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal of a shard: what changed, one entry a write, put there by the script that made the
 * change. The worker turns each entry into what follows from it and removes it, both in one script,
 * so an entry is turned once whatever dies in between. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "app/store/audit.h"
#include "app/store/stream.h"

enum { JOURNAL_ENTRIES_MAX = 32, JOURNAL_MESSAGES_MAX = 2 };

/* The oldest entries of the shard. */
struct command *journal_cmd_oldest(struct pipeline *a, unsigned shard);
struct journal_record {
    struct str id;
    struct str text; /* JSON */
};
/* ret_records has room for JOURNAL_ENTRIES_MAX. A record without text is one that is not ours. */
bool journal_parse(const struct command *command, struct journal_record *ret_records,
                   size_t *ret_count, struct problem *p);

/* Something to publish, as it will lie in the outbox. */
struct message {
    struct str event;       /* CloudEvent, structured, JSON */
    struct str traceparent; /* of the request that it comes from; may be empty, never NULL */
};

/* What one entry turns into. */
struct journal_effects {
    struct str id;
    struct str student;        /* empty: an entry that cannot be read, which is only removed */
    struct audit_record audit; /* about the student */
    struct str student_event;  /* for the student's stream of events; empty: nothing */
    struct message messages[JOURNAL_MESSAGES_MAX];
    size_t message_count;
};

/* Turns the entries: each that is still there is removed, and what it turns into is written. Only
 * while the shard's lease is the holder's. event_age_max_ms: older ones go from the students'
 * streams, and the stream itself so long after its last event. */
struct command *journal_cmd_process(struct pipeline *a, unsigned shard, struct str holder,
                                    const struct journal_effects *turns, size_t count,
                                    int64_t now_ms, int64_t event_age_max_ms);
/* *ret_turned: how many were still there, or LEASE_LOST. */
bool journal_parse_processed(const struct command *command, int64_t *ret_turned, struct problem *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal of a shard holds the changes that the worker has not processed yet. It is the Redis
 * stream {ss}:journal, where ss is the shard's number as two hexadecimal digits and the braces are
 * a hash tag, which puts all keys of the shard into one slot of Redis Cluster. The Lua script in
 * Redis that makes a change also appends an entry to the journal.
 *
 * The worker derives the effects of an entry: an audit record (who did what) and events to publish.
 * One script writes these effects and deletes the entry, so that an entry is processed exactly
 * once, even if workers die. A worker processes a shard only while it holds the shard's lease, a
 * lock that expires (docs/worker.md, From journal to event). */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "app/store/audit.h"
#include "app/store/stream.h"

enum {
    JOURNAL_ENTRIES_MAX = 32, /* largest number of entries that one command reads or processes */
    JOURNAL_MESSAGES_MAX = 2  /* largest number of events to publish per entry */
};

/* Reads the oldest JOURNAL_ENTRIES_MAX entries of the shard's journal, the changes that the worker
 * has not processed yet. */
struct command *journal_cmd_oldest(struct pipeline *pipeline, unsigned shard);
/* An entry of the journal, as it was read. */
struct journal_record {
    struct str id;   /* id of the entry in the stream */
    struct str text; /* the entry as JSON; empty if the entry has another form */
};
/* Parses the reply to journal_cmd_oldest. ret_records has room for JOURNAL_ENTRIES_MAX; *ret_count
 * is the number of entries. The texts point into the reply. Returns false, with the reason in *p,
 * on failure. */
bool journal_parse(const struct command *command, struct journal_record *ret_records,
                   size_t *ret_count, struct problem *p);

/* An event to publish, as the outbox stores it. */
struct message {
    struct str event;       /* the event as a CloudEvent in the structured JSON format */
    struct str traceparent; /* trace context of the request that caused the event; may be empty,
                               never NULL */
};

/* The effects of one entry of the journal. */
struct journal_effects {
    struct str id;             /* id of the entry in the stream */
    struct str student;        /* empty: the entry could not be parsed, and is only deleted */
    struct audit_record audit; /* the audit record about the student */
    /* true: the audit record is only counted, together with equal ones, and its details lack the
     * change; while the forms of schema 1 are written, it is a record nevertheless */
    bool is_counted;
    /* event for the student's own stream of events, as JSON or packed (event_pack.h); empty: none
     */
    struct str student_event;
    struct message messages[JOURNAL_MESSAGES_MAX];
    size_t message_count; /* number of events to publish in messages */
};

/* Writes the effects of those of the entries that the journal still has, and deletes these entries,
 * if `holder` (a worker) holds the shard's lease. Events older than event_age_max_ms are removed
 * from the students' streams of events, and such a stream expires that long after its last event.
 * count <= JOURNAL_ENTRIES_MAX. */
struct command *journal_cmd_process(struct pipeline *pipeline, unsigned shard, struct str holder,
                                    const struct journal_effects *effects, size_t count,
                                    int64_t now_ms, int64_t event_age_max_ms);
/* Parses the reply to journal_cmd_process. *ret_processed: how many of the entries still existed,
 * or LEASE_LOST when `holder` no longer holds the lease. ret_unusable has room for
 * JOURNAL_ENTRIES_MAX: true for an entry that was left in the journal because a record of its
 * student has a wrong type in Redis. Returns false on failure. */
bool journal_parse_processed(const struct command *command, int64_t *ret_processed,
                             bool *ret_unusable, struct problem *p);

#endif

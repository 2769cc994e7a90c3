/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal of a shard: {ss}:journal, a stream with an entry per change, appended by the script
 * that makes the change. The worker derives the effects of an entry (audit record, events) and one
 * script writes them and deletes the entry, so an entry is processed exactly once, even if workers
 * die (docs/worker.md, From journal to event). */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "app/store/audit.h"
#include "app/store/stream.h"

enum { JOURNAL_ENTRIES_MAX = 32, JOURNAL_MESSAGES_MAX = 2 };

/* Reads the oldest JOURNAL_ENTRIES_MAX entries. */
struct command *journal_cmd_oldest(struct pipeline *pipeline, unsigned shard);
struct journal_record {
    struct str id;
    struct str text; /* JSON; empty if the entry has another form */
};
/* ret_records has room for JOURNAL_ENTRIES_MAX. Texts point into the reply. */
bool journal_parse(const struct command *command, struct journal_record *ret_records,
                   size_t *ret_count, struct problem *p);

/* An event to publish, as the outbox stores it. */
struct message {
    struct str event;       /* CloudEvent in the structured JSON format */
    struct str traceparent; /* of the request that caused it; may be empty, never NULL */
};

/* The effects of one entry. */
struct journal_effects {
    struct str id;
    struct str student;        /* empty: the entry cannot be parsed and is only deleted */
    struct audit_record audit; /* about the student */
    struct str student_event;  /* for the student's stream of events; empty: none */
    struct message messages[JOURNAL_MESSAGES_MAX];
    size_t message_count;
};

/* Processes the entries that still exist, if the shard's lease is the holder's. event_age_max_ms:
 * older events are removed from the students' streams, and a stream expires that long after its
 * last event. count <= JOURNAL_ENTRIES_MAX. */
struct command *journal_cmd_process(struct pipeline *pipeline, unsigned shard, struct str holder,
                                    const struct journal_effects *effects, size_t count,
                                    int64_t now_ms, int64_t event_age_max_ms);
/* *ret_processed: how many still existed, or LEASE_LOST. */
bool journal_parse_processed(const struct command *command, int64_t *ret_processed,
                             struct problem *p);

#endif

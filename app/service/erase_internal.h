/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the files of the erasure: erase.c runs the phases in their order, erase_shard.c has those
 * about the student's own shard, erase_shared.c those about what students share. */
#ifndef SERVICE_ERASE_INTERNAL_H
#define SERVICE_ERASE_INTERNAL_H

#include "app/service/erase.h"

/* In the order in which they run. */
enum erase_phase_id {
    ERASE_LOOKUP,
    ERASE_JOURNAL,
    ERASE_OUTBOX,
    ERASE_SHARD,
    ERASE_COHORTS,
    ERASE_BATCHES,
    ERASE_DELAYED_BEFORE, /* delayed jobs, before the queues into which they may move meanwhile */
    ERASE_QUEUE_HIGH,
    ERASE_QUEUE_NORMAL,
    ERASE_QUEUE_LOW,
    ERASE_DELAYED_AFTER, /* delayed jobs again, for those that failed in a queue meanwhile */
    ERASE_DEAD_LETTERS,
    ERASE_IDEMPOTENCY,
    ERASE_FINISH,
    ERASE_PHASES
};

/* A phase works page by page. queue queues the commands that read a page; parse reads the replies,
 * counts, and queues what changes or checks the entries of the page. A parse that has to see the
 * replies to its own commands sets entry_cmd_count, and is called again with them. It sets has_more
 * to go on with another page. A phase whose queue queues nothing is skipped. */
struct erase_phase {
    void (*queue)(struct erase *e, struct pipeline *pipeline);
    void (*parse)(struct erase *e, struct pipeline *pipeline, struct problem *p);
};

extern const struct erase_phase erase_lookup_phase, erase_own_stream_phase, erase_shard_phase;
extern const struct erase_phase erase_cohorts_phase, erase_batches_phase;
extern const struct erase_phase erase_delayed_before_phase, erase_delayed_after_phase;
extern const struct erase_phase erase_queue_phase, erase_dead_letters_phase;
extern const struct erase_phase erase_idempotency_phase;

/* ---- for all phases: erase_shard.c ---- */

/* True while nothing may be changed: in a dry run, and in the first pass of an erasure. */
static inline bool erase_only_counts(const struct erase *e)
{
    return e->dry_run || e->dry_pass;
}

/* Records found so far. A pseudonym is not counted: a request about an id that never existed makes
 * one too. */
int64_t erase_found(const struct erase *e);

/* Queues the read of a stream's next page, after e->cursor. */
void erase_queue_stream_page(struct erase *e, struct pipeline *pipeline, struct str stream);
typedef bool erase_entry_test(struct str text, struct str student);
/* Counts the entries of the page whose field passes the test, and queues their deletion unless the
 * pass only counts. Moves e->cursor to the last entry. */
void erase_parse_stream_page(struct erase *e, struct pipeline *pipeline, struct str stream,
                             struct str field, erase_entry_test *test, size_t kind,
                             struct problem *p);

#endif

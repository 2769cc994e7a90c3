/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the erasure share. erase.c runs the phases in their order. erase_shard.c has
 * the phases about the student's own shard (group of Redis keys), erase_shared.c the phases about
 * records that students share. */
#ifndef SERVICE_ERASE_INTERNAL_H
#define SERVICE_ERASE_INTERNAL_H

#include "app/service/erase.h"

/* The phases in the order in which they run: ERASE_LOOKUP, then one for each row SHARED_KEY of
 * keys.def, then ERASE_FINISH. */
enum erase_phase_id {
    ERASE_LOOKUP,
#define SHARED_KEY(id, ...) ERASE_##id,
#define STUDENT_KEY(...)
#define OTHER_KEY(...)
#include "app/store/keys.def"
    ERASE_FINISH,
    ERASE_PHASES
};

/* A phase works page by page. `queue` queues the command that reads a page. `parse` reads the
 * reply, counts the student's entries, and may queue commands about single entries, which change or
 * check them. If it needs their replies, it sets erase->entry_cmd_count and is called again with
 * them. When there is another page, it sets erase->has_more. A phase whose `queue` queues nothing
 * is skipped.
 */
struct erase_phase {
    void (*queue)(struct erase *erase, struct pipeline *pipeline);
    void (*parse)(struct erase *erase, struct pipeline *pipeline, struct problem *p);
};

extern const struct erase_phase erase_lookup_phase, erase_own_stream_phase, erase_shard_phase;
extern const struct erase_phase erase_retention_phase;
extern const struct erase_phase erase_cohorts_phase, erase_batches_phase;
extern const struct erase_phase erase_dead_letters_phase, erase_idempotency_phase;

/* ---- for all phases: erase_shard.c ---- */

/* True while nothing may be changed: in a dry run, and in the first pass of an erasure. */
static inline bool erase_only_counts(const struct erase *e)
{
    return e->dry_run || e->dry_pass;
}

/* Returns the number of records found so far. The pseudonym (the student's random name in audit
 * records) does not count, because a request about an id that never existed makes one, too. */
int64_t erase_found(const struct erase *erase);

#endif

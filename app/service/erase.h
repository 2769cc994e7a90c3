/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Erasing a student (docs/privacy.md): first all that is in the student's shard, in one script that
 * leaves a tombstone, journal and outbox having been gone through up to their ends before; then,
 * piece by piece, what rosters, batches, queues and records of idempotency hold; then the tombstone
 * says that it is done. Each piece can be repeated, so whatever was cut short is completed by doing
 * it again: by the client, or by a worker. */
#ifndef SERVICE_ERASE_H
#define SERVICE_ERASE_H

#include "app/base/ids.h"
#include "app/http/route.h"
#include "app/service/engine.h"
#include "app/store/erasure.h"

/* What is counted beyond the shard. */
enum {
    ERASED_ROSTERS = ERASED_COUNTS,
    ERASED_BATCHES,
    ERASED_JOBS,
    ERASED_DEAD_LETTERS,
    ERASED_KINDS
};
/* The name of a count; NULL where nothing of that kind is ever counted. */
const char *erase_kind_name(size_t kind);

struct erase {
    /* in */
    struct engine *engine;
    struct str student;
    struct str actor, role, correlation_id; /* for the audit record */
    int64_t now_ms;
    bool dry_run; /* counts, changes nothing */
    /* out */
    int64_t counts[ERASED_KINDS];
    bool had_tombstone; /* there was a tombstone already */
    /* own */
    struct arena *arenas[2]; /* of this round's asks, and of the last one's replies */
    int arena_index;
    size_t phase;
    bool dry_pass;         /* nobody knows yet whether there is anything: counts first */
    bool awaiting_replies; /* for the answers of this phase */
    bool has_more;         /* the phase has another round */
    char token[ID_MAX + 1];
    struct erasure_lookup lookup;
    struct command *phase_cmd, *first_done_cmd; /* the phase's question; the first of all answers */
    size_t entry_cmds; /* of a list: as many answers are about its entries */
    char cursor[ID_MAX + 1];
    char scanned_ids[2][ID_MAX + 1]; /* of journal and outbox: the last entry that was looked at */
    int64_t offset;
    int attempts;
};

/* Makes the memory for rounds; erase_release is due afterwards. False when there is none. */
bool erase_init(struct erase *e);
void erase_release(struct erase *e);
/* Call with the rest zeroed; again after each round until STEP_DONE. The memory of asks is replaced
 * by the erasure's own. Problems: NOT_FOUND when there is nothing and never was;
 * SERVICE_UNAVAILABLE: what has been begun is completed by repeating it. */
enum step erase_step(struct erase *e, struct pipeline *pipeline, struct problem *p);

#endif

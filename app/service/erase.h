/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Erases a student (docs/privacy.md, Erasure). First the student's own shard: journal and outbox
 * are swept, then one script deletes all keys and leaves a tombstone. After that, page by page,
 * what cohorts, batches, queues and idempotency records hold. At last the tombstone is marked as
 * complete. Every page can be repeated: an erasure that was interrupted is completed by running it
 * again, by the client or by a worker. */
#ifndef SERVICE_ERASE_H
#define SERVICE_ERASE_H

#include "app/base/ids.h"
#include "app/http/route.h"
#include "app/service/engine.h"
#include "app/store/erasure.h"

/* Kinds of records counted outside the student's shard, after those of enum in store/erasure.h. */
enum {
    ERASED_ROSTERS = ERASED_COUNTS,
    ERASED_BATCHES,
    ERASED_JOBS,
    ERASED_DEAD_LETTERS,
    ERASED_KINDS
};
/* The name of a count in responses; NULL for a kind that is never counted. */
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
    bool had_tombstone; /* an earlier erasure had begun */
    /* own */
    struct arena *arenas[2]; /* of this step's commands, and of the replies to the last step's */
    int arena_index;
    size_t phase;          /* enum erase_phase_id */
    bool dry_pass;         /* first pass: counts, to find out whether there is anything to erase */
    bool awaiting_replies; /* to the commands of this phase */
    bool has_more;         /* the phase has another page */
    char token[ID_MAX + 1];
    struct erasure_lookup lookup;
    struct command *phase_cmd;         /* reads a page of this phase */
    struct command *first_replied_cmd; /* of the last step's pipeline */
    size_t
        entry_cmd_count; /* > 0: the last step's commands were about single entries of the page */
    char cursor[ID_MAX + 1];
    char scanned_ids[2][ID_MAX + 1]; /* the last entry that was swept: of journal, of outbox */
    int64_t offset;
    int attempts;
};

/* Call with the inputs filled and the rest zeroed. Allocates; call erase_release afterwards in any
 * case. False without memory. */
bool erase_init(struct erase *e);
void erase_release(struct erase *e);
/* Call after erase_init; again after each pipeline until STEP_DONE. The pipeline's arena is
 * replaced by one of the erasure's own. Problems: NOT_FOUND when there is nothing and never was;
 * SERVICE_UNAVAILABLE: repeat the erasure to complete it. */
enum step erase_step(struct erase *e, struct pipeline *pipeline, struct problem *p);

#endif

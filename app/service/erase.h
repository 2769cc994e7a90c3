/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Erases a student (docs/privacy.md, Erasure). First come the records in the student's own shard
 * (group of Redis keys). The student's entries are removed from the shard's journal (changes that
 * the worker has not processed yet) and outbox (events to publish). Then one Lua script deletes all
 * keys of the student and leaves a tombstone, the mark of an erased student. After that, the
 * student is removed from cohorts, batches, dead letters and idempotency records, page by page. At
 * last the tombstone is marked as complete. Every page can be repeated, so an erasure that was
 * interrupted is completed by running it again; a client or a worker does this. */
#ifndef SERVICE_ERASE_H
#define SERVICE_ERASE_H

#include "app/base/ids.h"
#include "app/http/route.h"
#include "app/service/engine.h"
#include "app/store/erasure.h"

/* Returns the name that the count of a kind (enum student_key, or STUDENT_KEY_COUNT plus an enum
 * shared_key) has in responses; NULL for the tombstone, which is never counted. */
const char *erase_kind_name(size_t kind);

/* Writes the keyed hash (log_hash) by which the log and the audit record of an erasure name the
 * student. When older data were restored, the erasure is repeated by this hash (mastery-ctl erase
 * --replay). */
void erase_hash(const struct engine *engine, struct str student, char ret_hash[LOG_HASH_SIZE]);
/* Writes an id of the key that erase_hash uses: an erasure can be repeated by its hash only with
 * the same key. */
void erase_key_id(const struct engine *engine, char ret_id[LOG_HASH_SIZE]);

struct erase {
    /* in: set by the caller */
    struct engine *engine;
    struct str student;                     /* id of the student to erase */
    struct str actor, role, correlation_id; /* who erases, in which request: for the audit record */
    int64_t now_ms;
    bool dry_run; /* true: count records and change nothing */
    /* results, set by erase_step */
    int64_t counts[ERASED_KINDS]; /* number of records found, by kind */
    bool had_tombstone;           /* an earlier erasure of the student had begun */
    /* internal to the implementation: callers do not use them */
    struct arena *arenas[2]; /* one holds this step's commands, the other the last step's replies */
    int arena_index;         /* index of the arena with this step's commands */
    size_t phase;            /* current phase, an enum erase_phase_id (erase_internal.h) */
    bool dry_pass;           /* first pass: only counts, to find out whether there is any record */
    bool awaiting_replies;   /* the last step has queued commands of the current phase */
    bool has_more;           /* the current phase has another page */
    char token[ID_MAX + 1];  /* token in the ids of the student's recommendations; may be empty */
    struct erasure_lookup lookup;      /* commands of the phase ERASE_LOOKUP */
    struct command *phase_cmd;         /* reads the current page */
    struct command *first_replied_cmd; /* first command of the last step's pipeline */
    /* number of the last step's commands that were about single entries of a page; 0: the last step
     * has read a page */
    size_t entry_cmd_count;
    char cursor[ID_MAX + 1];         /* last id that was read; empty: the phase is at its start */
    char scanned_ids[2][ID_MAX + 1]; /* ids up to which journal and outbox have been searched */
    /* position of the next page's first entry, in phases that read sorted sets by rank; in the
     * phase of dead letters its stage (erase_shared.c) */
    int64_t offset;
    int attempts; /* number of times that the shard's script had to be retried */
};

/* Allocates the memory of an erasure. The caller has set the input fields and zeroed all others.
 * False when out of memory. erase_release must be called in any case. */
bool erase_init(struct erase *erase);
/* Releases the memory that erase_init has allocated. */
void erase_release(struct erase *erase);
/* Runs the next step of the erasure. Call after erase_init, then again after each pipeline until
 * STEP_DONE, which is also returned after a problem. The pipeline's arena is replaced by one of the
 * erasure's own. Problems: NOT_FOUND when there are no records of the student and no tombstone;
 * SERVICE_UNAVAILABLE when the erasure must be repeated to be completed. */
enum step erase_step(struct erase *erase, struct pipeline *pipeline, struct problem *p);

#endif

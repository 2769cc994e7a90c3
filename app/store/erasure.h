/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Erasing a student in Redis (docs/data-model.md, Erasure): one script deletes all keys of the
 * student's shard and sets the tombstone; further commands, each safe to repeat, remove the student
 * from batches, cohorts and idempotency records. The sorted set `erasures` has the student until
 * the erasure is complete. Every script deletes before it writes, because a full Redis accepts that
 * (hazards R2). */
#ifndef STORE_ERASURE_H
#define STORE_ERASURE_H

#include "app/base/problem.h"
#include "app/store/keys.h"
#include "app/store/stream.h"

/* The texts of the audit record: fields a, r, t, o, s, c, d, n of {ss}:audit. */
enum { ERASURE_RECORD_FIELDS = 8 };

/* Reads the tombstone: it exists while a student is being erased and for some time after. */
struct command *erasure_cmd_tombstone(struct pipeline *pipeline, struct str student);
bool erasure_parse_tombstone(const struct command *command, bool *ret_begun, struct problem *p);

/* What erasure_cmd_shard must know. */
struct erasure_lookup {
    struct command *token, *tombstone;
};
void erasure_cmd_lookup(struct pipeline *pipeline, struct str student, struct erasure_lookup *ret);
/* *ret_token: of the student's recommendation ids, empty: none. *ret_begun: there is a tombstone.
 */
bool erasure_parse_lookup(const struct erasure_lookup *lookup, struct str *ret_token,
                          bool *ret_begun, struct problem *p);

/* Indexes of the counts: those of enum student_key, then these. */
enum { ERASED_INDEX = STUDENT_KEY_COUNT, ERASED_JOURNAL, ERASED_OUTBOX, ERASED_COUNTS };

struct erasure_shard {
    struct str student;
    struct str token; /* from erasure_parse_lookup */
    bool dry_run;     /* counts, changes nothing */
    int32_t today;
    /* Of the journal and the outbox: the last entry that an earlier run has searched (empty: none),
     * and whether an earlier run has deleted entries. */
    struct {
        struct str seen;
        bool removed;
    } swept[2];
    struct str record[ERASURE_RECORD_FIELDS];
};
/* Deletes all of the student in the shard but the tombstone and the list of idempotency records,
 * which erasure_cmd_finish deletes once the records are deleted. */
struct command *erasure_cmd_shard(struct pipeline *pipeline, const struct erasure_shard *shard);
enum erasure_outcome {
    ERASURE_DONE,
    ERASURE_RETRY, /* the token has changed: look it up again */
    ERASURE_PROBLEM,
};
enum erasure_outcome erasure_parse_shard(const struct command *command,
                                         int64_t ret_counts[ERASED_COUNTS], struct problem *p);

/* Replies the keys of the idempotency records about the student, a page of at most count. The list
 * is complete only if it is read after the tombstone was set. */
struct command *erasure_cmd_idempotency_keys(struct pipeline *pipeline, struct str student,
                                             int64_t offset, int count);
/* Ends the erasure. The tombstone expires after tombstone_s seconds. */
void erasure_cmd_finish(struct pipeline *pipeline, struct str student, int64_t tombstone_s);

/* ---- cohorts ---- */

/* Replies at most count ids of cohorts, sorted, after the id `previous`; "": from the first. */
struct command *erasure_cmd_cohorts(struct pipeline *pipeline, struct str previous, int count);
/* Removes the student from the roster of a cohort. Replies 1 if the student was in it. */
struct command *erasure_cmd_leave_cohort(struct pipeline *pipeline, struct str cohort,
                                         struct str student, bool dry_run, int64_t now_ms);

/* ---- erasures that are not complete ---- */

void erasure_cmd_register(struct pipeline *pipeline, struct str student, int64_t now_ms);
void erasure_cmd_unregister(struct pipeline *pipeline, struct str student);
/* The oldest of those registered before before_ms. */
enum { ERASURES_UNFINISHED_MAX = 8 };
struct command *erasure_cmd_unfinished(struct pipeline *pipeline, int64_t before_ms);
/* Returns how many. ret_students has room for ERASURES_UNFINISHED_MAX. The texts are not checked:
 * they may be no ids. */
size_t erasure_parse_unfinished(const struct command *command, struct str *ret_students);

/* ---- copies that Redis keeps ---- */

/* Removes the deleted entries of a stream without consumer groups from the memory of Redis. */
void erasure_cmd_rebuild_stream(struct pipeline *pipeline, struct str stream);
/* Clears the slow log, which shows arguments of commands, and starts a rewrite of the AOF. */
void erasure_cmd_purge_traces(struct pipeline *pipeline, struct command **ret_rewrite);
/* False if no rewrite was started: one is running, and it may have begun before the deletions. */
bool erasure_parse_aof_rewrite(const struct command *command);
/* Requests a rewrite from the workers. The request stays until a rewrite was started after it. */
void erasure_cmd_request_aof_rewrite(struct pipeline *pipeline);
struct command *erasure_cmd_get_aof_request(struct pipeline *pipeline);
/* False: there is no request. *ret_request identifies it. */
bool erasure_parse_aof_request(const struct command *command, struct str *ret_request);
/* Removes that request; a later one stays. */
void erasure_cmd_clear_aof_request(struct pipeline *pipeline, struct str request);

#endif

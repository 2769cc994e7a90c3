/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Erasing a student in Redis (docs/data-model.md, Erasure). One Lua script deletes all keys of the
 * student in the student's shard and sets the tombstone, a key that prevents new data about the
 * student. Further commands, each safe to repeat, remove the student from batches, cohorts and
 * idempotency records. The sorted set `erasures` has the student until the erasure is complete.
 * Every script deletes before it writes, because a Redis that is full accepts that order (hazards
 * R2). */
#ifndef STORE_ERASURE_H
#define STORE_ERASURE_H

#include "app/base/problem.h"
#include "app/store/keys.h"
#include "app/store/stream.h"

/* The texts of the audit record about the erasure, in the order in which erasure_shard.lua gets
 * them; their meaning is that of enum audit_field (store/audit.h). */
enum erasure_record_field {
    RECORD_ACTOR,
    RECORD_ROLE,
    RECORD_ACTION,
    RECORD_RESOURCE,
    RECORD_SUCCESS,
    RECORD_CORRELATION,
    RECORD_DETAILS,
    RECORD_COUNT,
    ERASURE_RECORD_FIELDS
};

/* Reads the tombstone, which exists while a student is being erased and for some time after. */
struct command *erasure_cmd_tombstone(struct pipeline *pipeline, struct str student);
/* Parses the reply to erasure_cmd_tombstone. *ret_begun: whether an erasure of the student has
 * begun, which sets the tombstone. */
bool erasure_parse_tombstone(const struct command *command, bool *ret_begun, struct problem *p);

/* The commands whose replies erasure_cmd_shard needs, the script that deletes the keys of a
 * student: one of the keys has the student's token in its name. */
struct erasure_lookup {
    struct command *token, *tombstone;
};
/* Reads what erasure_cmd_shard needs: the student's token (random text in the ids of the student's
 * recommendations) and the tombstone (key that exists once the erasure has begun). */
void erasure_cmd_lookup(struct pipeline *pipeline, struct str student, struct erasure_lookup *ret);
/* Parses the replies to erasure_cmd_lookup. *ret_token: the student's token; empty: none.
 * *ret_begun: whether an erasure of the student has begun before, which has set the tombstone. */
bool erasure_parse_lookup(const struct erasure_lookup *lookup, struct str *ret_token,
                          bool *ret_begun, struct problem *p);

/* Searches a part of a stream, bounded by bytes, for entries that have the text in a field; ""
 * finds all entries. previous: the last id of the part searched before; "": search from the start.
 */
struct command *erasure_cmd_search(struct pipeline *pipeline, struct str stream,
                                   struct str previous, struct str text);
/* What erasure_cmd_search has found in a part of a stream. */
struct erasure_part {
    /* entries of the stream that have the searched text, in the arena; the texts of an entry point
     * into the reply */
    struct stream_entry *entries;
    size_t n;
    struct str last; /* id of the last entry that was searched; empty: there was none */
    bool has_more;   /* false: this is the end of the stream */
};

/* Parses the reply to erasure_cmd_search, a search for a text in a part of a stream, into the
 * entries that were found and where the next search begins. False with p set: it failed. */
bool erasure_parse_search(const struct command *command, struct arena *arena,
                          struct erasure_part *ret, struct problem *p);

/* Indexes of the counts of what was deleted: first those of enum student_key, then those of enum
 * shared_key. erasure_shard.lua, which deletes what is in the student's shard, counts the kinds
 * before ERASED_SHARD_COUNTS; the commands for other records (cohorts, batches ...) the rest. */
enum {
    ERASED_JOURNAL = STUDENT_KEY_COUNT + SHARED_KEY_JOURNAL,
    ERASED_OUTBOX = STUDENT_KEY_COUNT + SHARED_KEY_OUTBOX,
    ERASED_INDEX = STUDENT_KEY_COUNT + SHARED_KEY_RECOMMENDATION_INDEX,
    ERASED_SHARD_COUNTS,
    ERASED_KINDS = STUDENT_KEY_COUNT + SHARED_KEY_COUNT
};

struct erasure_shard {
    struct str student;
    struct str token; /* the student's token, from erasure_parse_lookup */
    bool dry_run;     /* true: count what would be deleted, and change nothing */
    int32_t today;    /* days since 1970-01-01 */
    /* What searches by erasure_cmd_search have done before, in the journal (swept[0]: changes not
     * yet processed) and the outbox (swept[1]: events not yet published). The script searches only
     * entries after `seen`, the last one that was searched (empty: none). `removed`: entries may
     * have been deleted, so it rebuilds the stream, since a deleted entry leaves its bytes. */
    struct {
        struct str seen;
        bool removed;
    } swept[2];
    /* the audit record about the erasure, by enum erasure_record_field */
    struct str record[ERASURE_RECORD_FIELDS];
};
/* Deletes all keys of the student but the lists by which records elsewhere are found (ERASE_AT_END
 * in keys.def; erasure_cmd_finish deletes them), and sets the tombstone. One script does it, since
 * all these keys are in the student's shard. */
struct command *erasure_cmd_shard(struct pipeline *pipeline, const struct erasure_shard *shard);
enum erasure_outcome {
    ERASURE_DONE,    /* ret_counts is set */
    ERASURE_RETRY,   /* the student has another token now: look it up again */
    ERASURE_PROBLEM, /* *p has the reason */
};

/* Parses the reply to erasure_cmd_shard. ret_counts: numbers of deleted keys and entries. */
enum erasure_outcome erasure_parse_shard(const struct command *command,
                                         int64_t ret_counts[ERASED_SHARD_COUNTS],
                                         struct problem *p);

/* Reads an index of the student: a sorted set that names the batches or the idempotency records
 * with the student (ERASE_AT_END in keys.def: deleted after these records). At most `count`
 * members, after the first `offset`. The index is complete only if it is read after the tombstone
 * was set, since nothing is added then. */
struct command *erasure_cmd_index(struct pipeline *pipeline, struct str student,
                                  enum student_key index, int64_t offset, int count);
/* Ends the erasure: deletes the student's indexes, and lets the tombstone (key that prevents new
 * data about the student) expire after tombstone_s seconds. */
void erasure_cmd_finish(struct pipeline *pipeline, struct str student, int64_t tombstone_s);

/* ---- the epoch: a number that changes with the end of every erasure ---- */

/* Changes the epoch (a number by which processes see that an erasure has ended) after the student's
 * records are deleted. */
void erasure_cmd_change_epoch(struct pipeline *pipeline);

/* Reads the epoch, a number that changes with the end of every erasure: a process that finds
 * another one than before discards its copies of responses, which may show the student. */
struct command *erasure_cmd_get_epoch(struct pipeline *pipeline);
/* Parses the reply to erasure_cmd_get_epoch. Returns the epoch, 0 before the first erasure; -1 when
 * the command failed. */
int64_t erasure_parse_epoch(const struct command *command);

/* ---- cohorts ---- */

/* Reads at most `count` ids of cohorts, sorted, after the id `previous`; "" means from the first.
 */
struct command *erasure_cmd_cohorts(struct pipeline *pipeline, struct str previous, int count);
/* Removes the student from the list of a cohort's students, and sets the time of its last update to
 * now_ms. dry_run: changes nothing. The reply is 1 if the student was in the list, else 0. */
struct command *erasure_cmd_leave_cohort(struct pipeline *pipeline, struct str cohort,
                                         struct str student, bool dry_run, int64_t now_ms);

/* ---- erasures that are not complete ---- */

/* Adds the student to the sorted set `erasures`, the list of erasures that are not complete. */
void erasure_cmd_register(struct pipeline *pipeline, struct str student, int64_t now_ms);
/* Removes the student from the sorted set `erasures`, the list of erasures that are not complete.
 */
void erasure_cmd_unregister(struct pipeline *pipeline, struct str student);
enum { ERASURES_UNFINISHED_MAX = 8 };
/* Reads the oldest erasures that were registered before before_ms, at most ERASURES_UNFINISHED_MAX.
 */
struct command *erasure_cmd_unfinished(struct pipeline *pipeline, int64_t before_ms);
/* Parses the reply to erasure_cmd_unfinished. Returns the number of students put into ret_students,
 * which has room for ERASURES_UNFINISHED_MAX; 0 also if the command failed. The texts are not
 * checked: they may be no ids of students. */
size_t erasure_parse_unfinished(const struct command *command, struct str *ret_students);

/* ---- copies that Redis keeps ---- */

/* Stores a request to the workers to rewrite the AOF (append-only file of Redis), which has all
 * past writes, and clears the slow log of Redis, which shows arguments of commands. The request
 * stays in Redis until a rewrite was started after it. */
void erasure_cmd_purge_traces(struct pipeline *pipeline);

/* Starts a rewrite of the AOF (the append-only file of Redis), after which the file no longer has
 * past writes of erased data. */
struct command *erasure_cmd_rewrite_aof(struct pipeline *pipeline);
/* Parses the reply to erasure_cmd_rewrite_aof. Returns whether a rewrite was started. False means
 * that another one is running, which may have begun before the deletions. */
bool erasure_parse_aof_rewrite(const struct command *command);

/* Reads whether a rewrite of the AOF (the append-only file of Redis) is requested, because it still
 * has erased data. */
struct command *erasure_cmd_get_aof_request(struct pipeline *pipeline);
/* Parses the reply to erasure_cmd_get_aof_request. Returns false if no rewrite is requested.
 * *ret_request: text by which erasure_cmd_clear_aof_request removes this request and no later one.
 */
bool erasure_parse_aof_request(const struct command *command, struct str *ret_request);
/* Removes the request of an AOF rewrite that erasure_parse_aof_request has named. A later one
 * stays. */
void erasure_cmd_clear_aof_request(struct pipeline *pipeline, struct str request);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Erasing a student in Redis: all keys of the student in one script, with the tombstone, then what
 * others hold of the student, each piece repeatable. Who is being erased stands in the sorted set
 * `erasures` until it is done. Every script begins with removing, because Redis takes that when it
 * is full, and whatever follows it. */
#ifndef STORE_ERASURE_H
#define STORE_ERASURE_H

#include "app/base/problem.h"
#include "app/store/keys.h"
#include "app/store/stream.h"

/* The fields of the audit record, in the order of {ss}:audit: a, r, t, o, s, c, d, n. */
enum { ERASURE_RECORD_FIELDS = 8 };

/* Whether the student is erased, or about to be: there is a tombstone. */
struct command *erasure_cmd_tombstone(struct pipeline *a, struct str student);
bool erasure_parse_tombstone(const struct command *command, bool *ret_begun, struct problem *p);

/* What has to be known first. */
struct erasure_lookup {
    struct command *token, *tombstone;
};
void erasure_cmd_lookup(struct pipeline *a, struct str student, struct erasure_lookup *ret);
/* *ret_token: of the recommendation ids; empty: none. *ret_begun: there is a tombstone. */
bool erasure_parse_lookup(const struct erasure_lookup *look, struct str *ret_token, bool *ret_begun,
                          struct problem *p);

/* How many of each: by student_kinds, then these. */
enum { ERASED_INDEX = STUDENT_KEY_COUNT, ERASED_JOURNAL, ERASED_OUTBOX, ERASED_COUNTS };

struct erasure_shard {
    struct str student;
    struct str token;
    bool dry_run; /* counts, changes nothing */
    int32_t today;
    /* Of journal and outbox: the last entry that has been looked at before (empty: none), and
     * whether any has been removed before. */
    struct {
        struct str seen;
        bool removed;
    } swept[2];
    struct str record[ERASURE_RECORD_FIELDS];
};
/* All that stands in the student's shard, but the tombstone, and the list of idempotency records,
 * which goes when they have gone (erasure_cmd_finish). */
struct command *erasure_cmd_shard(struct pipeline *a, const struct erasure_shard *e);
enum erasure_outcome {
    ERASURE_DONE,
    ERASURE_RETRY, /* the token is another one by now: look once more */
    ERASURE_PROBLEM,
};
enum erasure_outcome erasure_parse_shard(const struct command *command,
                                         int64_t ret_counts[ERASED_COUNTS], struct problem *p);

/* Keys of the idempotency records with answers about the student: a set. Only a list that was read
 * when the tombstone was there is complete. */
struct command *erasure_cmd_idempotency_keys(struct pipeline *a, struct str student, int64_t offset,
                                             int count);
/* Everything else has gone. */
void erasure_cmd_finish(struct pipeline *a, struct str student, int64_t tombstone_s);

/* ---- rosters ---- */

/* A page of cohorts behind the one named; "" at first. */
struct command *erasure_cmd_cohorts(struct pipeline *a, struct str behind, int count);
/* 1 when the student was in it. */
struct command *erasure_cmd_leave_cohort(struct pipeline *a, struct str cohort, struct str student,
                                         bool dry, int64_t now_ms);

/* ---- those under way ---- */

void erasure_cmd_register(struct pipeline *a, struct str student, int64_t now_ms);
void erasure_cmd_unregister(struct pipeline *a, struct str student);
/* The oldest of those that were begun before then. */
enum { ERASURES_UNFINISHED_MAX = 8 };
struct command *erasure_cmd_unfinished(struct pipeline *a, int64_t before_ms);
/* They are whatever stands there, which may be no ids. ret_students has room for all of them. */
size_t erasure_parse_unfinished(const struct command *command, struct str *ret_students);

/* A stream without groups keeps nothing of what was removed from it. */
void erasure_cmd_rebuild_stream(struct pipeline *a, struct str stream);

/* What Redis keeps beside its data: the slow log, which shows arguments, and the file of all
 * commands, which is written anew. */
void erasure_cmd_purge_traces(struct pipeline *a, struct command **ret_rewrite);
/* False when the file is being written just now, without us having been in time. */
bool erasure_parse_aof_rewrite(const struct command *command);
/* Then a worker does it: the wish is there until it is granted. */
void erasure_cmd_request_aof_rewrite(struct pipeline *a);
struct command *erasure_cmd_get_aof_request(struct pipeline *a);
/* *ret_wish: which of them it is. */
bool erasure_parse_aof_request(const struct command *command, struct str *ret_wish);
/* That wish is granted; one that has come since stays. */
void erasure_cmd_clear_aof_request(struct pipeline *a, struct str wish);

#endif

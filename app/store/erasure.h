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
enum { ERASURE_RECORD = 8 };

/* Whether the student is erased, or about to be: there is a tombstone. */
struct ask *erasure_ask_begun(struct asks *a, struct str student);
bool erasure_read_begun(const struct ask *ask, bool *ret_begun, struct problem *p);

/* What has to be known first. */
struct erasure_look {
    struct ask *token, *tombstone;
};
void erasure_ask_look(struct asks *a, struct str student, struct erasure_look *ret);
/* *ret_token: of the recommendation ids; empty: none. *ret_begun: there is a tombstone. */
bool erasure_read_look(const struct erasure_look *look, struct str *ret_token, bool *ret_begun,
                       struct problem *p);

/* How many of each: by student_kinds, then these. */
enum { ERASED_INDEX = STUDENT_KEY_COUNT, ERASED_JOURNAL, ERASED_OUTBOX, ERASED_IN_SHARD };

struct erasure_shard {
    struct str student;
    struct str token;
    bool dry; /* counts, changes nothing */
    int32_t today;
    /* Of journal and outbox: the last entry that has been looked at before (empty: none), and
     * whether any has been removed before. */
    struct {
        struct str seen;
        bool removed;
    } swept[2];
    struct str record[ERASURE_RECORD];
};
/* All that stands in the student's shard, but the tombstone, and the list of idempotency records,
 * which goes when they have gone (erasure_ask_finish). */
struct ask *erasure_ask_shard(struct asks *a, const struct erasure_shard *e);
enum erasure_outcome {
    ERASURE_DONE,
    ERASURE_AGAIN, /* the token is another one by now: look once more */
    ERASURE_PROBLEM,
};
enum erasure_outcome erasure_read_shard(const struct ask *ask, int64_t ret_counts[ERASED_IN_SHARD],
                                        struct problem *p);

/* Keys of the idempotency records with answers about the student: a set. Only a list that was read
 * when the tombstone was there is complete. */
struct ask *erasure_ask_records(struct asks *a, struct str student, int64_t offset, int count);
/* Everything else has gone. */
void erasure_ask_finish(struct asks *a, struct str student, int64_t tombstone_s);

/* ---- rosters ---- */

/* A page of cohorts behind the one named; "" at first. */
struct ask *erasure_ask_cohorts(struct asks *a, struct str behind, int count);
/* 1 when the student was in it. */
struct ask *erasure_ask_cohort(struct asks *a, struct str cohort, struct str student, bool dry,
                               int64_t now_ms);

/* ---- those under way ---- */

void erasure_ask_note(struct asks *a, struct str student, int64_t now_ms);
void erasure_ask_forget(struct asks *a, struct str student);
/* The oldest of those that were begun before then. */
enum { ERASURES_UNFINISHED_MAX = 8 };
struct ask *erasure_ask_unfinished(struct asks *a, int64_t before_ms);
/* They are whatever stands there, which may be no ids. ret_students has room for all of them. */
size_t erasure_read_unfinished(const struct ask *ask, struct str *ret_students);

/* A stream without groups keeps nothing of what was removed from it. */
void erasure_ask_make_anew(struct asks *a, struct str stream);

/* What Redis keeps beside its data: the slow log, which shows arguments, and the file of all
 * commands, which is written anew. */
void erasure_ask_traces(struct asks *a, struct ask **ret_rewrite);
/* False when the file is being written just now, without us having been in time. */
bool erasure_read_rewrite(const struct ask *ask);
/* Then a worker does it: the wish is there until it is granted. */
void erasure_ask_rewrite_later(struct asks *a);
struct ask *erasure_ask_rewrite_due(struct asks *a);
/* *ret_wish: which of them it is. */
bool erasure_read_rewrite_due(const struct ask *ask, struct str *ret_wish);
/* That wish is granted; one that has come since stays. */
void erasure_ask_rewrite_begun(struct asks *a, struct str wish);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every key name in Redis is made here (docs/data-model.md). A student belongs to one of 256
 * shards, {00} to {ff}: the first byte of SHA-256 of the id, as a hash tag, so that all that must
 * change together for a student lives in one slot of a cluster. */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "app/base/arena.h"

enum { SHARDS = 256 };

/* The kinds of records of one student: suffix behind {ss}:student:ID. */
#define STUDENT_KEYS(X)                                                                            \
    X(PROFILE, "")         /* hash: m the current MasteryResult as JSON, s the packed state */     \
    X(COHORTS, ":cohorts") /* set of the cohorts the student is in */                              \
    X(ERASED, ":erased")   /* tombstone: no new data for this student */

enum student_key {
#define X(name, suffix) STUDENT_KEY_##name,
    STUDENT_KEYS(X)
#undef X
        STUDENT_KEY_COUNT
};

/* All answer with p NULL when the arena has no room. */
struct str key_student(struct arena *arena, struct str student, enum student_key key);
/* {ss}:student:ID:day:YYYYMMDD for count days from first on. False without memory. */
bool key_student_days(struct arena *arena, struct str student, int32_t first, int count,
                      struct str *ret_keys);
/* {ss}:student:ID:event:EVENT_ID, the marker of an event that has been counted */
struct str key_student_event(struct arena *arena, struct str student, struct str event);
/* {ss}:journal of the student's shard */
struct str key_journal(struct arena *arena, struct str student);
struct str key_cohort(struct arena *arena, struct str cohort);           /* cohort:{ID} */
struct str key_cohort_lock(struct arena *arena, struct str cohort);      /* cohort:{ID}:lock */
struct str key_teacher_cohorts(struct arena *arena, struct str teacher); /* teacher:{ID}:cohorts */
extern const struct str key_cohorts; /* cohorts: sorted set of all there are */
unsigned key_shard(struct str student);

#endif

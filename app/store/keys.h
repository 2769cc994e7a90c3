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
    X(ERASED, ":erased")   /* tombstone: no new data for this student */                           \
    X(EVENTS, ":events")   /* stream of the events that were counted, for the export */            \
    X(RECOMMENDED, ":recommended") /* string: the token of the student's recommendation ids, which \
                                    * names key_recommended, and what the student said lately */   \
    X(PATH, ":path")               /* string: the latest learning path, as JSON */                 \
    X(FORECASTS, ":forecasts")     /* hash: the last prediction of each kind, for an hour */       \
    X(PREDICTIONS, ":predictions") /* stream of the predictions that were made */

enum student_key {
#define X(name, suffix) STUDENT_KEY_##name,
    STUDENT_KEYS(X)
#undef X
        STUDENT_KEY_COUNT
};

/* All answer with p NULL when the arena has no room. */
struct str key_student(struct arena *arena, struct str student, enum student_key key);
/* Matches every student's profile, and more: key_read_profile tells. */
extern const struct str key_profiles;
/* Whose profile it is; false when the key is of another kind. */
bool key_read_profile(struct str key, struct str *ret_student);
/* {ss}:student:ID:day:YYYYMMDD for count days from first on. False without memory. */
bool key_student_days(struct arena *arena, struct str student, int32_t first, int count,
                      struct str *ret_keys);
/* {ss}:student:ID:recommendations:YYYYMMDD, in the same way: what was recommended on the day */
bool key_student_recommendations(struct arena *arena, struct str student, int32_t first, int count,
                                 struct str *ret_keys);
/* {ss}:recommended:TOKEN, the student whose recommendation ids have this token. It begins with its
 * shard, so it leads to the student's slot without naming the student. To be erased with the
 * student: STUDENT_KEY_RECOMMENDED begins with the token. */
struct str key_recommended(struct arena *arena, struct str token);
/* {ss}:student:ID:event:EVENT_ID, the marker of an event that has been counted */
struct str key_student_event(struct arena *arena, struct str student, struct str event);

/* What a shard has of its own: {ss}:journal and so on. */
enum shard_key { SHARD_KEY_JOURNAL, SHARD_KEY_OUTBOX, SHARD_KEY_LEASE, SHARD_KEYS };
struct str key_shard_record(struct arena *arena, unsigned shard, enum shard_key key);
/* The shard that a key such as {ss}:journal belongs to; false when it is of no shard. */
bool key_read_shard(struct str key, unsigned *ret_shard);
/* {ss}:journal of the student's shard */
struct str key_journal(struct arena *arena, struct str student);
struct str key_cohort(struct arena *arena, struct str cohort);           /* cohort:{ID} */
struct str key_cohort_lock(struct arena *arena, struct str cohort);      /* cohort:{ID}:lock */
struct str key_teacher_cohorts(struct arena *arena, struct str teacher); /* teacher:{ID}:cohorts */
/* What a batch consists of: batch:{ID}, batch:{ID}:students and so on (store/batch.h). */
enum batch_key {
    BATCH_KEY_JOB,
    BATCH_KEY_STUDENTS,
    BATCH_KEY_ITEMS,
    BATCH_KEY_RESULTS,
    BATCH_KEYS
};
struct str key_batch(struct arena *arena, struct str batch, enum batch_key key);
/* idempotency:{ROLE:CALLER}:HASH */
struct str key_idempotency(struct arena *arena, const char *role, struct str user, struct str hash);
extern const struct str key_all_event_logs; /* pattern of the :events keys of all students */
extern const struct str key_cohorts;        /* cohorts: sorted set of all there are */
extern const struct str key_dead_letters;   /* queue:{dead}: stream of what could not be taken */
extern const struct str key_queues[]; /* queue:{batch}:high, :normal, :low, by enum queue_level */
extern const struct str key_queue_later; /* queue:{batch}:later: sorted set of jobs put off */
extern const struct str key_batches;     /* batches: sorted set of all there are, by time */
extern const struct str key_workers;     /* workers: hash of the workers' signs of life */
unsigned key_shard(struct str student);

#endif

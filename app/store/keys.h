/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every key name in Redis is made here (docs/data-model.md). A student belongs to one of 256
 * shards, {00} to {ff}: the first byte of SHA-256 of the id, as a hash tag, so that all that must
 * change together for a student lives in one slot of a cluster. */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "app/base/arena.h"

enum { SHARDS = 256 };

/* All kinds of records of one student: export and erasure walk this table, so that a kind that is
 * added here is exported and erased without another word.
 * Name, how erasure counts it, suffix behind {ss}:student:ID, one key or one a day, type in Redis,
 * and the member of the export's `data` where it stands; or NULL, with the reason behind it. A kind
 * that service/export has no reader for is exported as it is. */
/* clang-format off */
#define STUDENT_KEYS(X)                                                                               \
    /* m the current MasteryResult as JSON, s the packed state, c letters of withdrawn consents */    \
    X(PROFILE, "current_mastery", "", KEY_SINGLE, TYPE_HASH, "current_mastery")                         \
    /* the packed closing state of a UTC day */                                                       \
    X(DAYS, "mastery_history", ":day:", KEY_DAILY, TYPE_STRING, "mastery_history")                      \
    /* what was recommended on a UTC day, with its feedback */                                        \
    X(RECOMMENDATIONS, "recommendations", ":recommendations:", KEY_DAILY, TYPE_STRING, "recommendations") \
    /* the token of the student's recommendation ids, which names key_recommended, and what the       \
     * student said lately; not exported: both stand in recommendations */                            \
    X(RECOMMENDED, "recommendation_token", ":recommended", KEY_SINGLE, TYPE_STRING, NULL)               \
    /* the latest learning path, as JSON */                                                           \
    X(PATH, "learning_path", ":path", KEY_SINGLE, TYPE_STRING, "learning_path")                         \
    /* the last prediction of each kind, for an hour; not exported: copies of predictions */          \
    X(FORECASTS, "forecasts", ":forecasts", KEY_SINGLE, TYPE_HASH, NULL)                                \
    /* the predictions that were made */                                                              \
    X(PREDICTIONS, "predictions", ":predictions", KEY_SINGLE, TYPE_STREAM, "predictions")               \
    /* the events that were counted */                                                                \
    X(EVENTS, "events", ":events", KEY_SINGLE, TYPE_STREAM, "events")                                   \
    /* ids of what was counted, with their days; not exported: ids of events */                       \
    X(MARKS, "event_marks", ":marks", KEY_SINGLE, TYPE_HASH, NULL)                                      \
    /* all decisions on consent, by kind */                                                           \
    X(CONSENT, "consent_records", ":consent", KEY_SINGLE, TYPE_HASH, "consent_records")                 \
    /* the cohorts the student is in */                                                               \
    X(COHORTS, "cohorts", ":cohorts", KEY_SINGLE, TYPE_SET, "cohorts")                                  \
    /* names of the idempotency records with answers about the student; not exported: copies */       \
    X(IDEMPOTENCY, "idempotency", ":idempotency", KEY_SINGLE, TYPE_SORTED_SET, NULL)                    \
    /* tombstone: no new data for this student; not exported: then there is nothing */                \
    X(ERASED, "tombstone", ":erased", KEY_SINGLE, TYPE_STRING, NULL)                                    \
    /* the name by which audit records speak of the student; not exported: the records are */         \
    X(PSEUDONYM, "pseudonym", ":pseudonym", KEY_SINGLE, TYPE_STRING, NULL)
/* clang-format on */

enum key_family { KEY_SINGLE, KEY_DAILY };
enum key_type { TYPE_STRING, TYPE_HASH, TYPE_SET, TYPE_SORTED_SET, TYPE_STREAM };

struct student_kind {
    const char *name;
    const char *suffix;
    enum key_family family;
    enum key_type type;
    const char *export_name; /* NULL: not */
};

enum student_key {
#define X(id, name, suffix, family, type, exported) STUDENT_KEY_##id,
    STUDENT_KEYS(X)
#undef X
        STUDENT_KEY_COUNT
};
extern const struct student_kind student_kinds[STUDENT_KEY_COUNT];

/* All answer with p NULL when the arena has no room. */
struct str key_student(struct arena *arena, struct str student, enum student_key key);
/* The same where the student's shard is known: it takes a digest to find out. */
struct str key_student_in_shard(struct arena *arena, unsigned shard, struct str student,
                                enum student_key key);
/* Matches every student's profile, and more: key_parse_profile tells. */
extern const struct str key_pattern_profiles;
/* Whose profile it is; false when the key is of another kind. */
bool key_parse_profile(struct str key, struct str *ret_student);
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
/* The single key of a kind, and the keys of count days from first on of a daily one. */
struct str key_of_kind(struct arena *arena, struct str student, const struct student_kind *kind);
bool key_days_of_kind(struct arena *arena, struct str student, const struct student_kind *kind,
                      int32_t first, int count, struct str *ret_keys);

/* What a shard has of its own: {ss}:journal and so on. */
enum shard_key {
    SHARD_KEY_JOURNAL,
    SHARD_KEY_OUTBOX,
    SHARD_KEY_LEASE,
    SHARD_KEY_AUDIT,
    SHARD_KEY_AUDIT_SEALS,
    SHARD_KEY_AUDIT_READS,
    SHARD_KEYS
};
struct str key_shard_record(struct arena *arena, unsigned shard, enum shard_key key);
/* The shard that a key such as {ss}:journal belongs to; false when it is of no shard. */
bool key_parse_hash_tag(struct str key, unsigned *ret_shard);
/* The number of the shard named by two hexadecimal digits, as in {2b}. */
bool key_parse_shard(struct str digits, unsigned *ret_shard);
/* {ss}:journal of the student's shard */
struct str key_journal(struct arena *arena, struct str student);
struct str key_cohort(struct arena *arena, struct str cohort);           /* cohort:{ID} */
struct str key_cohort_lock(struct arena *arena, struct str cohort);      /* cohort:{ID}:lock */
struct str key_teacher_cohorts(struct arena *arena, struct str teacher); /* teacher:{ID}:cohorts */
/* What a batch consists of: batch:{ID}, batch:{ID}:students and so on (store/batch.h). */
enum batch_key {
    BATCH_KEY_STATE,
    BATCH_KEY_STUDENTS,
    BATCH_KEY_ITEMS,
    BATCH_KEY_RESULTS,
    BATCH_KEYS
};
struct str key_batch(struct arena *arena, struct str batch, enum batch_key key);
/* idempotency:{ROLE:CALLER}:HASH */
struct str key_idempotency(struct arena *arena, const char *role, struct str user, struct str hash);
extern const struct str key_audit_heads;    /* audit:heads: hash of each shard's latest seal */
extern const struct str key_pattern_events; /* pattern of the :events keys of all students */
extern const struct str key_pattern_marks;  /* ... and of the :marks keys */
extern const struct str key_cohorts;        /* cohorts: sorted set of all there are */
extern const struct str key_erasures; /* erasures: sorted set of students, by when it was begun */
extern const struct str
    key_aof_rewrite; /* erasures:rewrite: the file of commands is to be rewritten */
extern const struct str key_dead_letters; /* queue:{dead}: stream of what could not be taken */
extern const struct str
    key_queues[]; /* queue:{batch}:high, :normal, :low, by enum queue_priority */
extern const struct str key_queue_later; /* queue:{batch}:later: sorted set of jobs put off */
extern const struct str key_batches;     /* batches: sorted set of all there are, by time */
extern const struct str key_schema;      /* schema: number of the form of all records */
extern const struct str key_workers;     /* workers: hash of the workers' signs of life */
unsigned key_shard(struct str student);

#endif

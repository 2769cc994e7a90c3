/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes every key name in Redis; no other file does (docs/data-model.md, Keys). A student belongs
 * to one of 256 shards, {00} to {ff}: the first byte of SHA-256 of the id, as a hash tag, so that
 * all keys that must change together for a student are in one slot of a Redis Cluster.
 *
 * Functions that return a key return p NULL when out of memory. */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "app/base/arena.h"

enum { SHARDS = 256 };

/* All kinds of records of one student. Export and erasure loop over this table, so a kind that is
 * added here is exported and erased without further code. Columns: id; name in the counts of an
 * erasure; suffix after {ss}:student:ID; one key or one per day; type in Redis; member of the
 * export's `data`, NULL: not exported, for the reason in the row's comment. A kind for which
 * service/export has no reader is exported as it is stored. */
/* clang-format off */
#define STUDENT_KEYS(X)                                                                           \
    /* m: the current MasteryResult (JSON); s: packed state; c: codes of withdrawn consents */    \
    X(PROFILE, "current_mastery", "", KEY_SINGLE, TYPE_HASH, "current_mastery")                   \
    /* the packed closing state of a UTC day */                                                   \
    X(DAYS, "mastery_history", ":day:", KEY_DAILY, TYPE_STRING, "mastery_history")                \
    /* the recommendations of a UTC day, with their feedback */                                   \
    X(RECOMMENDATIONS, "recommendations", ":recommendations:", KEY_DAILY, TYPE_STRING,            \
      "recommendations")                                                                          \
    /* the token of the student's recommendation ids (key_recommended), and the latest feedback;  \
     * not exported: both are in the recommendations */                                           \
    X(RECOMMENDED, "recommendation_token", ":recommended", KEY_SINGLE, TYPE_STRING, NULL)         \
    /* the latest learning path, as JSON */                                                       \
    X(PATH, "learning_path", ":path", KEY_SINGLE, TYPE_STRING, "learning_path")                   \
    /* the latest prediction of each kind, for an hour; not exported: copies of predictions */    \
    X(FORECASTS, "forecasts", ":forecasts", KEY_SINGLE, TYPE_HASH, NULL)                          \
    /* all predictions */                                                                         \
    X(PREDICTIONS, "predictions", ":predictions", KEY_SINGLE, TYPE_STREAM, "predictions")         \
    /* the events that were counted */                                                            \
    X(EVENTS, "events", ":events", KEY_SINGLE, TYPE_STREAM, "events")                             \
    /* ids of counted events, with their days; not exported: the events are */                    \
    X(MARKS, "event_marks", ":marks", KEY_SINGLE, TYPE_HASH, NULL)                                \
    /* the decisions on consent, by kind */                                                       \
    X(CONSENT, "consent_records", ":consent", KEY_SINGLE, TYPE_HASH, "consent_records")           \
    /* the cohorts of the student */                                                              \
    X(COHORTS, "cohorts", ":cohorts", KEY_SINGLE, TYPE_SET, "cohorts")                            \
    /* names of idempotency records about the student; not exported: copies of responses */       \
    X(IDEMPOTENCY, "idempotency", ":idempotency", KEY_SINGLE, TYPE_SORTED_SET, NULL)              \
    /* tombstone: no new data for this student; not exported: there is nothing then */            \
    X(ERASED, "tombstone", ":erased", KEY_SINGLE, TYPE_STRING, NULL)                              \
    /* the student's name in audit records; not exported: the records are */                      \
    X(PSEUDONYM, "pseudonym", ":pseudonym", KEY_SINGLE, TYPE_STRING, NULL)
/* clang-format on */

enum key_family { KEY_SINGLE, KEY_DAILY };
enum key_type { TYPE_STRING, TYPE_HASH, TYPE_SET, TYPE_SORTED_SET, TYPE_STREAM };

struct student_kind {
    const char *name;
    const char *suffix;
    enum key_family family;
    enum key_type type;
    const char *export_name; /* NULL: not exported */
};

enum student_key {
#define X(id, name, suffix, family, type, exported) STUDENT_KEY_##id,
    STUDENT_KEYS(X)
#undef X
        STUDENT_KEY_COUNT
};
extern const struct student_kind student_kinds[STUDENT_KEY_COUNT];

unsigned key_shard(struct str student); /* costs a SHA-256 */
struct str key_student(struct arena *arena, struct str student, enum student_key key);
/* The same key when the student's shard is known already. */
struct str key_student_in_shard(struct arena *arena, unsigned shard, struct str student,
                                enum student_key key);
/* A pattern for SCAN that matches all profiles, and other keys: see key_parse_profile. */
extern const struct str key_pattern_profiles;
/* Gets the student from the key of a profile. False: a key of another kind. */
bool key_parse_profile(struct str key, struct str *ret_student);
/* {ss}:student:ID:day:YYYYMMDD for count days, the first of which is `first` (days since the
 * epoch). False: out of memory. */
bool key_student_days(struct arena *arena, struct str student, int32_t first, int count,
                      struct str *ret_keys);
/* {ss}:student:ID:recommendations:YYYYMMDD likewise. */
bool key_student_recommendations(struct arena *arena, struct str student, int32_t first, int count,
                                 struct str *ret_keys);
/* {ss}:recommended:TOKEN: the student whose recommendation ids contain this token. The token begins
 * with its shard, so it leads to the student's slot without naming the student. An erasure finds
 * the key because STUDENT_KEY_RECOMMENDED begins with the token. */
struct str key_recommended(struct arena *arena, struct str token);
/* The key of a kind with one key, and the keys of count days of a kind with one key per day. */
struct str key_of_kind(struct arena *arena, struct str student, const struct student_kind *kind);
bool key_days_of_kind(struct arena *arena, struct str student, const struct student_kind *kind,
                      int32_t first, int count, struct str *ret_keys);

/* Keys of a shard: {ss}:journal and so on. */
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
/* Gets the shard from the hash tag of a key such as {2b}:journal. False: it has no such tag. */
bool key_parse_hash_tag(struct str key, unsigned *ret_shard);
/* Parses two hexadecimal digits, such as 2b. */
bool key_parse_shard(struct str digits, unsigned *ret_shard);
struct str key_journal(struct arena *arena, struct str student);    /* of the student's shard */
struct str key_cohort(struct arena *arena, struct str cohort);      /* cohort:{ID} */
struct str key_cohort_lock(struct arena *arena, struct str cohort); /* cohort:{ID}:lock */
struct str key_teacher_cohorts(struct arena *arena, struct str teacher); /* teacher:{ID}:cohorts */
/* Keys of a batch: batch:{ID}, batch:{ID}:students and so on (batch.h). */
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

extern const struct str key_pattern_events; /* pattern for the :events keys of all students */
extern const struct str key_pattern_marks;  /* pattern for the :marks keys of all students */
extern const struct str key_audit_heads;    /* audit:heads: hash of each shard's latest seal */
extern const struct str key_cohorts;        /* cohorts: sorted set of all cohort ids */
extern const struct str key_erasures;       /* erasures: sorted set of students, by start time */
extern const struct str key_aof_rewrite;    /* erasures:rewrite: the AOF has to be rewritten */
extern const struct str key_dead_letters;   /* queue:{dead}: stream of what cannot succeed */
extern const struct str key_queues[];    /* queue:{batch}:high, :normal, :low, by queue_priority */
extern const struct str key_queue_later; /* queue:{batch}:later: sorted set of jobs to retry */
extern const struct str key_batches;     /* batches: sorted set of all batch ids, by time */
extern const struct str key_schema;      /* schema: see schema.h */
extern const struct str key_workers;     /* workers: hash of the workers' heartbeats */

#endif

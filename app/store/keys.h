/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes the names of all keys in Redis; no other file does (docs/data-model.md, Keys). A student
 * belongs to one of 256 shards, 00 to ff: the number is the first byte of the SHA-256 of the id.
 * {ss} at the start of a key means these two hexadecimal digits in braces, which Redis
 * Cluster uses as a hash tag. So all keys that must change together for one student are in one
 * slot of the cluster.
 *
 * Functions that return a key return a text whose p is NULL when out of memory. */
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
    /* the packed state with which a UTC day began, if the day before it has no snapshot; not      \
     * exported: a copy of an earlier day's closing state, kept to place late events */           \
    X(OPENINGS, "day_openings", ":opening:", KEY_DAILY, TYPE_STRING, NULL)                        \
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

/* Whether a kind of record has one key, or one key per day (the suffix ends with YYYYMMDD). */
enum key_family { KEY_SINGLE, KEY_DAILY };
enum key_type { TYPE_STRING, TYPE_HASH, TYPE_SET, TYPE_SORTED_SET, TYPE_STREAM };

/* One row of STUDENT_KEYS. */
struct student_kind {
    const char *name;   /* name in the counts that an erasure reports */
    const char *suffix; /* what follows {ss}:student:ID in the key */
    enum key_family family;
    enum key_type type;
    /* Name of the member in an export of the student; NULL: not exported. */
    const char *export_name;
};

enum student_key {
#define X(id, name, suffix, family, type, exported) STUDENT_KEY_##id,
    STUDENT_KEYS(X)
#undef X
        STUDENT_KEY_COUNT
};
extern const struct student_kind student_kinds[STUDENT_KEY_COUNT];

unsigned key_shard(struct str student); /* 0 to 255; computes a SHA-256 */
struct str key_student(struct arena *arena, struct str student, enum student_key key);
/* As key_student, for a caller that knows the shard of the student already, which saves a SHA-256.
 */
struct str key_student_in_shard(struct arena *arena, unsigned shard, struct str student,
                                enum student_key key);
/* The pattern with which SCAN finds all profiles (keys {ss}:student:ID). It also matches other
 * keys of students; key_parse_profile distinguishes them. */
extern const struct str key_pattern_profiles;
/* Gets the id of the student from the key of a profile. False: it is the key of another record. */
bool key_parse_profile(struct str key, struct str *ret_student);
/* The keys {ss}:student:ID:day:YYYYMMDD of count days, beginning with the day `first` (days since
 * 1970-01-01). ret_keys has room for count keys. False: out of memory. */
bool key_student_days(struct arena *arena, struct str student, int32_t first, int count,
                      struct str *ret_keys);
/* As key_student_days, for the keys {ss}:student:ID:opening:YYYYMMDD, and for the keys
 * {ss}:student:ID:recommendations:YYYYMMDD. */
bool key_student_openings(struct arena *arena, struct str student, int32_t first, int count,
                          struct str *ret_keys);
bool key_student_recommendations(struct arena *arena, struct str student, int32_t first, int count,
                                 struct str *ret_keys);
/* The key {ss}:recommended:TOKEN, whose value is the student whose recommendation ids contain this
 * token. The token begins with the two digits of the student's shard, so the key is in the slot of
 * the student without naming the student. An erasure finds this key because the value of
 * STUDENT_KEY_RECOMMENDED begins with the token. */
struct str key_recommended(struct arena *arena, struct str token);
/* key_of_kind: the key of a student for a kind of record with one key. key_days_of_kind: as
 * key_student_days, for any kind with one key per day. */
struct str key_of_kind(struct arena *arena, struct str student, const struct student_kind *kind);
bool key_days_of_kind(struct arena *arena, struct str student, const struct student_kind *kind,
                      int32_t first, int count, struct str *ret_keys);

/* Keys of one shard: {ss}:journal (changes to process), {ss}:outbox (events to publish),
 * {ss}:lease (which worker processes the shard), {ss}:audit, {ss}:audit:seals and
 * {ss}:audit:reads. */
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
/* {ss}:audit:from:SENDER, or {ss}:audit:reads:from:SENDER for aggregated events: the outcome of a
 * sender's latest command (struct audit_send) */
struct str key_audit_mark(struct arena *arena, unsigned shard, struct str sender, bool aggregated);
/* Gets the shard from the hash tag of a key: 0x2b from {2b}:journal. False: the key has no such
 * tag. */
bool key_parse_hash_tag(struct str key, unsigned *ret_shard);
/* Parses a shard's two hexadecimal digits, such as 2b. False: the text is no such number. */
bool key_parse_shard(struct str digits, unsigned *ret_shard);
struct str key_journal(struct arena *arena, struct str student);         /* {ss}:journal */
struct str key_cohort(struct arena *arena, struct str cohort);           /* cohort:{ID} */
struct str key_cohort_lock(struct arena *arena, struct str cohort);      /* cohort:{ID}:lock */
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
extern const struct str key_pattern_marks; /* :marks keys (ids of counted events) of all students */
extern const struct str key_audit_heads;   /* audit:heads: hash of each shard's latest seal */
extern const struct str key_cohorts;       /* cohorts: sorted set of all cohort ids */
extern const struct str key_erasures;      /* erasures: sorted set of students, by start time */
extern const struct str key_unfinished;    /* unfinished: see unfinished.h */
extern const struct str key_aof_rewrite;   /* erasures:rewrite: the AOF has to be rewritten */
/* queue:{dead}: stream of dead letters, the items that were given up. */
extern const struct str key_dead_letters;
extern const struct str key_queues[];    /* queue:{batch}:high, :normal, :low, by queue_priority */
extern const struct str key_queue_later; /* queue:{batch}:later: sorted set of jobs to retry */
extern const struct str key_batches;     /* batches: sorted set of all batch ids, by time */
extern const struct str key_replicated;  /* replicated: written before each WAIT (replicas.h) */
extern const struct str key_schema;      /* schema: see schema.h */
extern const struct str key_workers;     /* workers: hash of the workers' heartbeats */

#endif

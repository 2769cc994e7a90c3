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

/* Whether a kind of record has one key, one key per day (the suffix ends with YYYYMMDD), or one key
 * with a keyed hash of the id instead of the id. */
enum key_family { KEY_SINGLE, KEY_DAILY, KEY_HASHED };
enum key_type { TYPE_STRING, TYPE_HASH, TYPE_SET, TYPE_SORTED_SET, TYPE_STREAM };
/* How a kind of record is erased with its student: by the script that erases the keys in the
 * student's shard, after the records elsewhere that it names, or not at all (it expires). */
enum key_erase { ERASE_WITH_SHARD, ERASE_AT_END, ERASE_NEVER };
/* What limits the time for which a kind of record is stored: nothing but the erasure, the expiry of
 * the key, or the worker, which removes what is too old from it (keys.def). */
enum key_retention {
    RETAIN_ALWAYS,
    RETAIN_EXPIRY,
    RETAIN_ENTRIES,
    RETAIN_FIELDS,
    RETAIN_MARKS,
    RETAIN_DAYS
};

/* One row STUDENT_KEY of keys.def. */
struct student_kind {
    const char *name;   /* name in the counts that an erasure reports */
    const char *suffix; /* what follows {ss}:student:ID in the key (ss: shard in hex) */
    enum key_family family;
    enum key_type type;
    /* Name of the member in an export of the student; NULL: not exported. */
    const char *export_name;
    enum key_erase erase;
    enum key_retention retention;
    int days; /* days for which it is kept; 0: RETAIN_ALWAYS */
};

/* The rows STUDENT_KEY of keys.def, in their order: the kinds of records of a student. */
enum student_key {
#define STUDENT_KEY(id, ...) STUDENT_KEY_##id,
#define SHARED_KEY(...)
#define OTHER_KEY(...)
#include "app/store/keys.def"
    STUDENT_KEY_COUNT
};
/* The properties of each kind of record, by enum student_key. */
extern const struct student_kind student_kinds[STUDENT_KEY_COUNT];

/* The rows SHARED_KEY of keys.def, in their order: the kinds of keys with parts of many students.
 */
enum shared_key {
#define SHARED_KEY(id, ...) SHARED_KEY_##id,
#define STUDENT_KEY(...)
#define OTHER_KEY(...)
#include "app/store/keys.def"
    SHARED_KEY_COUNT
};

/* Sets the secret for the keyed hash (HMAC) that is in place of the id in key names of the family
 * KEY_HASHED, for the whole process. Every process that uses one Redis must have the same secret.
 */
void keys_set_hash_key(struct str key);

/* Returns the shard of the student, 0 to 255: the first byte of the SHA-256 of the id. */
unsigned key_shard(struct str student);
/* Returns the student's key for a kind of record with one key. */
struct str key_student(struct arena *arena, struct str student, enum student_key key);
/* Like key_student, for a caller that knows the shard of the student already, which saves a
 * SHA-256. */
struct str key_student_in_shard(struct arena *arena, unsigned shard, struct str student,
                                enum student_key key);
/* Parses the key of a profile and returns the id of its student. False: it is the key of another
 * record, or out of memory. */
bool key_parse_profile(struct str key, struct arena *arena, struct str *ret_student);
/* Returns the student's id as it is in the student's keys: with slashes instead of colons. */
struct str key_student_part(struct arena *arena, struct str student);
/* Gets the student's id from the form that key_student_part returns. False: the text is not the
 * form of an id, or out of memory. */
bool key_parse_student_part(struct str part, struct arena *arena, struct str *ret_student);
/* The pattern with which SCAN finds all keys {ss}:student:ID with any suffix. */
extern const struct str key_pattern_students;
/* Gets the student and the kind of record from a key that key_pattern_students matches; of the
 * family KEY_HASHED, the hash instead of the student. False: the key is that of another record, or
 * out of memory. */
bool key_parse_student(struct str key, struct arena *arena, struct str *ret_student,
                       enum student_key *ret_kind);
/* Makes the keys {ss}:student:ID:day:YYYYMMDD (ss: the shard in hex), which schema 1 has, of
 * `count` days, beginning with the day `first` (days since 1970-01-01). ret_keys has room for count
 * keys. False: out of memory. */
bool key_schema_1_days(struct arena *arena, struct str student, int32_t first, int count,
                       struct str *ret_keys);
/* Makes the keys {ss}:student:ID:opening:YYYYMMDD (ss: the shard in hex), which schema 1 has, of
 * `count` days from the day `first` (days since 1970-01-01) on. An opening is the state with which
 * a day began. False: out of memory. */
bool key_schema_1_openings(struct arena *arena, struct str student, int32_t first, int count,
                           struct str *ret_keys);
/* Makes the keys {ss}:student:ID:recommendations:YYYYMMDD (ss: the shard in hex) of `count` days
 * from the day `first` (days since 1970-01-01) on. False: out of memory. */
bool key_student_recommendations(struct arena *arena, struct str student, int32_t first, int count,
                                 struct str *ret_keys);
/* Returns the key {ss}:recommended:TOKEN (ss: the shard in hex), whose value is the student whose
 * recommendation ids contain this token. The token begins with the two digits of the student's
 * shard, so the key is in the slot of the student without naming the student. An erasure finds this
 * key because the value of STUDENT_KEY_RECOMMENDED begins with the token. */
struct str key_recommended(struct arena *arena, struct str token);
/* Returns the key of a student for a kind of record with one key; for a kind with one key per day,
 * what precedes the day in its keys. */
struct str key_of_kind(struct arena *arena, struct str student, const struct student_kind *kind);
/* Makes the keys {ss}:student:ID:KIND:YYYYMMDD (ss: the shard in hex) of `count` days from the day
 * `first` (days since 1970-01-01) on, for any kind of record with one key per day. False: out of
 * memory. */
bool key_days_of_kind(struct arena *arena, struct str student, const struct student_kind *kind,
                      int32_t first, int count, struct str *ret_keys);

/* Keys of one shard (ss: its number in hex): {ss}:journal (changes to process), {ss}:outbox (events
 * to publish), {ss}:lease (which worker processes the shard), {ss}:audit, {ss}:audit:seals and
 * {ss}:audit:reads (the audit log as schema 1 has it), {ss}:audit:open, {ss}:audit:counts and
 * {ss}:audit:segments (audit_segment.h), {ss}:replicated (written before each WAIT in a cluster;
 * outside of one the key `replicated` is), {ss}:schema, the fence of a migration, by which scripts
 * see that records of the shard are being converted (schema.h), and {ss}:retention (retention.h).
 */
enum shard_key {
    SHARD_KEY_JOURNAL,
    SHARD_KEY_OUTBOX,
    SHARD_KEY_LEASE,
    SHARD_KEY_AUDIT,
    SHARD_KEY_AUDIT_SEALS,
    SHARD_KEY_AUDIT_READS,
    SHARD_KEY_AUDIT_OPEN,
    SHARD_KEY_AUDIT_COUNTS,
    SHARD_KEY_AUDIT_SEGMENTS,
    SHARD_KEY_REPLICATED,
    SHARD_KEY_SCHEMA,
    SHARD_KEY_RETENTION,
    SHARD_KEYS
};
/* Returns the key {ss}:audit:of:PSEUDONYM (ss: the shard in hex): which closed segments of the
 * shard's audit log have records of the student with this pseudonym (audit_index.h). */
struct str key_audit_index(struct arena *arena, unsigned shard, struct str pseudonym);
enum { KEY_SHARD_TAG_SIZE = 5 };
/* Prints the hash tag of the shard, such as {2b}, which all its keys begin with. */
void key_print_shard_tag(unsigned shard, char ret_tag[KEY_SHARD_TAG_SIZE]);
/* Returns the key of one of the shard's records, such as {ss}:journal (ss: the shard in hex). */
struct str key_shard_record(struct arena *arena, unsigned shard, enum shard_key key);
/* Returns the key of a sender's mark, which has the outcome of the sender's latest command (struct
 * audit_send): {ss}:audit:from:SENDER (ss: the shard in hex), or {ss}:audit:reads:from:SENDER if
 * `aggregated` (events that are only counted). */
struct str key_audit_mark(struct arena *arena, unsigned shard, struct str sender, bool aggregated);
/* Gets the shard from the hash tag of a key: 0x2b from {2b}:journal. False: the key has no such
 * tag. */
bool key_parse_hash_tag(struct str key, unsigned *ret_shard);
/* Parses a shard's two hexadecimal digits, such as 2b. False: the text is no such number. */
bool key_parse_shard(struct str digits, unsigned *ret_shard);
/* Returns the key {ss}:journal of the student's shard (ss: its number in hex): the changes that the
 * worker has not processed yet. */
struct str key_journal(struct arena *arena, struct str student);
/* Returns the key cohort:{ID} of the cohort's record. */
struct str key_cohort(struct arena *arena, struct str cohort);
/* Returns the key cohort:{ID}:lock of the cohort's lease, which a request holds while it changes
 * the cohort. */
struct str key_cohort_lock(struct arena *arena, struct str cohort);
/* Returns the key teacher:{ID}:cohorts of the set of cohorts that the teacher teaches. */
struct str key_teacher_cohorts(struct arena *arena, struct str teacher);
/* Keys of a batch: batch:{ID}, batch:{ID}:students and so on (batch.h). */
enum batch_key {
    BATCH_KEY_STATE,
    BATCH_KEY_STUDENTS,
    BATCH_KEY_ITEMS,
    BATCH_KEY_RESULTS,
    BATCH_KEYS
};
/* Returns one of the batch's keys: batch:{ID} or batch:{ID}: and a suffix. */
struct str key_batch(struct arena *arena, struct str batch, enum batch_key key);
/* Returns idempotency:{ROLE:CALLER}:HASH; hash: the digest of the client's idempotency key. */
struct str key_idempotency(struct arena *arena, const char *role, struct str user, struct str hash);

extern const struct str key_audit_heads; /* audit:heads: hash of each shard's latest heads (MACs) */
extern const struct str key_cohorts;     /* cohorts: sorted set of all cohort ids */
extern const struct str key_erasures;    /* erasures: sorted set of students, by start time */
/* erasures:epoch: number that every erasure changes when it ends */
extern const struct str key_erasure_epoch;
extern const struct str key_unfinished;  /* unfinished: list of unfinished changes (unfinished.h) */
extern const struct str key_aof_rewrite; /* erasures:rewrite: the AOF has to be rewritten */
/* Dead letters, the items that were given up (dead_letter.h): queue:{dead}, the stream of their
 * ids; queue:{dead}:letters, hash of their texts; queue:{dead}:index, sorted set by name. */
extern const struct str key_dead_letters, key_dead_letter_texts, key_dead_letter_index;
extern const struct str key_queues[];    /* queue:{batch}:high, :normal, :low, by queue_priority */
extern const struct str key_queue_later; /* queue:{batch}:later: sorted set of jobs to retry */
extern const struct str key_batches;     /* batches: sorted set of all batch ids, by time */
extern const struct str key_replicated;  /* replicated: written before each WAIT (replicas.h) */
extern const struct str key_calibration; /* calibration: counts of predictions that came true */
extern const struct str key_schema;      /* schema: number of the format of all records */
extern const struct str key_workers;     /* workers: hash of the workers' heartbeats */

#endif

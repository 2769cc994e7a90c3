/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The audit log of a shard: {ss}:audit, a stream that is only appended to. A record says who did
 * what to which student, when, and by which request (docs/audit.md, Record format). Students appear
 * under a random pseudonym, {ss}:student:ID:pseudonym, which is made with the first record about
 * the student and deleted with the student: the records then name no person.
 *
 * Reads are counted before they are recorded, in {ss}:audit:reads. A field of that hash is a record
 * without its count, as lines: the pseudonym, the minute, the other texts. Its value is the count
 * and the id of the first request. When the minute is over the worker turns the field into a
 * record. Of refusals, the first in a minute is recorded at once and the others are counted, so
 * that a flood of them makes two records a minute.
 *
 * No value contains a line feed: seals and the fields of the hash rely on it. */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "app/store/stream.h"

/* The fields of a record, in their order in the stream. */
enum audit_field {
    AUDIT_ACTOR,       /* a: id of a teacher, admin or service; student:PSEUDONYM; or empty */
    AUDIT_ROLE,        /* r: student, teacher, admin, service, none */
    AUDIT_ACTION,      /* t: read, calculated, exported, ... */
    AUDIT_RESOURCE,    /* o: type, such as mastery, or TYPE/NAME, such as cohort/c1 */
    AUDIT_SUBJECT,     /* w: the student's pseudonym; empty: about no single student */
    AUDIT_SUCCESS,     /* s: 1; 0: refused or failed */
    AUDIT_CORRELATION, /* c: id of the request, of the first one if several are counted */
    AUDIT_DETAILS,     /* d: a JSON object */
    AUDIT_COUNT,       /* n: number of requests that the record counts */
    AUDIT_FIELDS
};

/* A record to be written. Texts are never NULL; line feeds in them become spaces. */
struct audit_record {
    struct str actor; /* AUDIT_ACTOR_SELF: the student that the record is about */
    struct str role, action, resource;
    bool success;
    struct str correlation_id;
    struct str details; /* JSON object; empty: {} */
    int64_t count;      /* 0 counts as 1 */
};

#define AUDIT_ACTOR_SELF STR("=")

/* For scripts that append a record themselves (lua/lib/audit_record.lua): the texts of the record,
 * the keys of its student, and the seed of a new pseudonym. */
enum { AUDIT_ARGS = AUDIT_FIELDS - 1, AUDIT_STUDENT_KEYS = 3 };
void audit_record_args(struct arena *arena, const struct audit_record *record,
                       struct str ret_args[AUDIT_ARGS]);
void audit_student_keys(struct arena *arena, struct str student,
                        struct str ret_keys[AUDIT_STUDENT_KEYS]);
/* 128 random bits as hexadecimal digits; p NULL: out of memory. */
struct str audit_seed(struct arena *arena);
/* Appends a record that is about no student. */
void audit_cmd_add(struct pipeline *pipeline, unsigned shard, const struct audit_record *record);

/* ---- items: what the processes of the pool record ---- */

enum audit_mode { AUDIT_IMMEDIATE, AUDIT_AGGREGATED, AUDIT_DENIED };

struct audit_item {
    struct audit_record record;
    struct str student; /* empty: about no single student */
    enum audit_mode mode;
    int64_t minute; /* since the epoch; not used by AUDIT_IMMEDIATE */
};

enum { AUDIT_ITEMS_MAX = 128 };

/* Records count <= AUDIT_ITEMS_MAX items of the shard. Either all are AUDIT_AGGREGATED or none. */
struct command *audit_cmd_items(struct pipeline *pipeline, unsigned shard,
                                const struct audit_item *items, size_t count);
bool audit_parse_items(const struct command *command, struct problem *p);
/* Gets a student's pseudonym, which is made if there is none. */
struct command *audit_cmd_make_pseudonym(struct pipeline *pipeline, struct str student);
/* Gets a student's pseudonym if there is one. */
struct command *audit_cmd_get_pseudonym(struct pipeline *pipeline, struct str student);
/* Parses the reply to either; "" if there is none. */
bool audit_parse_pseudonym(const struct command *command, struct str *ret, struct problem *p);

/* ---- reading ---- */

/* Texts point into the reply. */
struct audit_entry {
    struct str id;
    bool valid; /* has all fields in their order, none with a line feed; false: v is empty texts */
    struct str v[AUDIT_FIELDS];
};

enum { AUDIT_PAGE_MAX = 1024 };

/* At most count records, oldest first; from and to as for stream_cmd_range. */
struct command *audit_cmd_range(struct pipeline *pipeline, unsigned shard, struct str from,
                                struct str to, int count);
/* At most count records, newest first; `before` as for stream_cmd_newest. */
struct command *audit_cmd_newest(struct pipeline *pipeline, unsigned shard, struct str before,
                                 int count);
/* Replies the number of records. */
struct command *audit_cmd_count(struct pipeline *pipeline, unsigned shard);
/* ret_entries has room for max <= AUDIT_PAGE_MAX. */
bool audit_parse_entries(const struct command *command, size_t max, struct audit_entry *ret_entries,
                         size_t *ret_count, struct problem *p);

/* ---- counted reads, from which records are made ---- */

struct audit_counted_read {
    struct str field, value; /* as stored */
    struct audit_record record;
    struct str subject;
    int64_t minute;
    bool valid; /* false: of another form; only field and value may be used */
};

/* Reads the next fields of the shard's counted reads; cursor "0" starts the scan. */
struct command *audit_cmd_scan_reads(struct pipeline *pipeline, unsigned shard, struct str cursor);
/* More than max reads are a problem; a step of the scan has about 100. *ret_cursor "0": the scan is
 * complete. */
bool audit_parse_reads(const struct command *command, size_t max, struct str *ret_cursor,
                       struct audit_counted_read *ret_reads, size_t *ret_count, struct problem *p);
/* Turns each of the reads that is still stored as it was read into a record. record.details must
 * contain the minute. Replies how many there were, or LEASE_LOST if the lease is not the holder's.
 */
struct command *audit_cmd_aggregate(struct pipeline *pipeline, unsigned shard, struct str holder,
                                    const struct audit_counted_read *reads, size_t count);

#endif

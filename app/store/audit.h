/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The audit log of a shard: {ss}:audit, a stream that is only ever appended to. A record says who
 * did what to whom, when, and by which request (docs/audit.md). Students appear under pseudonyms
 * alone: {ss}:student:ID:pseudonym, random, made by the first record about the student and gone
 * with him; who is erased leaves records that name nobody.
 *
 * Reads are counted first: {ss}:audit:reads, a hash whose field is a record without its count and
 * with its minute, whom it is about first, a line each, and whose value is the count and the first
 * request's id. The worker folds a field into a record when its minute is over. A refusal is
 * recorded at once and counted from then on, so that a flood of them makes two records a minute.
 *
 * Values have no line breaks: seals and fields rely on it, and what has some is no record. */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "app/store/stream.h"

/* The fields of a record, in their order in the stream. */
enum audit_field {
    AUDIT_ACTOR,       /* a: id of a teacher, admin or service; student:PSEUDONYM; empty: nobody */
    AUDIT_ROLE,        /* r: student, teacher, admin, service, none */
    AUDIT_ACTION,      /* t: read, calculated, exported, ... */
    AUDIT_RESOURCE,    /* o: its type, such as mastery; or TYPE/NAME, such as cohort/c1 */
    AUDIT_SUBJECT,     /* w: the student's pseudonym; empty: about nobody in particular */
    AUDIT_SUCCESS,     /* s: 1, or 0: refused, or failed */
    AUDIT_CORRELATION, /* c: the request's id; of several: the first one's */
    AUDIT_DETAILS,     /* d: a JSON object */
    AUDIT_COUNT,       /* n: how many times */
    AUDIT_FIELDS
};

/* A record as it is made. Texts are never NULL. */
struct audit_record {
    struct str actor; /* AUDIT_ACTOR_SELF: the student that the record is about */
    struct str role, action, resource;
    bool success;
    struct str correlation_id;
    struct str details; /* JSON object; empty: {} */
    int64_t count;      /* 0 counts as 1 */
};

#define AUDIT_ACTOR_SELF STR("=")

/* For scripts that append a record themselves (lua/lib/audit_record.lua): the texts of a record,
 * and the keys that tell its student's pseudonym. */
enum { AUDIT_ARGS = AUDIT_FIELDS - 1, AUDIT_STUDENT_KEYS = 3 };

void audit_record_args(struct arena *arena, const struct audit_record *record,
                       struct str ret_args[AUDIT_ARGS]);
void audit_student_keys(struct arena *arena, struct str student,
                        struct str ret_keys[AUDIT_STUDENT_KEYS]);
struct str audit_seed(struct arena *arena); /* 128 random bits in hex; p NULL without memory */
/* A record without a student, in a command of its own. */
void audit_cmd_add(struct pipeline *a, unsigned shard, const struct audit_record *record);

/* ---- notes: what the processes of the pool send ---- */

enum audit_mode { AUDIT_IMMEDIATE, AUDIT_AGGREGATED, AUDIT_DENIED };

struct audit_item {
    struct audit_record record;
    struct str student; /* empty: about nobody in particular */
    enum audit_mode mode;
    int64_t minute; /* since the epoch; of what is counted */
};

enum { AUDIT_ITEMS_MAX = 128 };

/* All of the items' students belong to the shard. count <= AUDIT_ITEMS_MAX. Either all are
 * AUDIT_AGGREGATED, or none is. */
struct command *audit_cmd_items(struct pipeline *a, unsigned shard, const struct audit_item *items,
                                size_t count);
bool audit_parse_items(const struct command *command, struct problem *p);
/* The pseudonym of a student who acts, made if there is none. */
struct command *audit_cmd_make_pseudonym(struct pipeline *a, struct str student);
/* The pseudonym if there is one, else empty. */
struct command *audit_cmd_get_pseudonym(struct pipeline *a, struct str student);
/* What either of the two has answered: "" for none. */
bool audit_parse_pseudonym(const struct command *command, struct str *ret, struct problem *p);

/* ---- reading ---- */

struct audit_entry {
    struct str id;
    bool valid; /* has all fields in their order, none with a line break; else v is empty texts */
    struct str v[AUDIT_FIELDS];
};

enum { AUDIT_PAGE_MAX = 1024 };

/* Oldest first, from and to as in XRANGE: "-", "+", an id, or "(" and an id. */
struct command *audit_cmd_range(struct pipeline *a, unsigned shard, struct str from, struct str to,
                                int count);
/* Newest first, from `before` downwards, as in XREVRANGE. */
struct command *audit_cmd_newest(struct pipeline *a, unsigned shard, struct str before, int count);
struct command *audit_cmd_count(struct pipeline *a, unsigned shard); /* XLEN */
/* ret_entries has room for max <= AUDIT_PAGE_MAX. Texts point into the reply. */
bool audit_parse_entries(const struct command *command, size_t max, struct audit_entry *ret_entries,
                         size_t *ret_count, struct problem *p);

/* ---- counted reads on their way into the log ---- */

struct audit_counted_read {
    struct str field, value; /* as they stand in the hash */
    struct audit_record record;
    struct str subject;
    int64_t minute;
    bool valid; /* else it is nothing of ours */
};

/* A step of the walk over the shard's counts; cursor "0" begins. */
struct command *audit_cmd_scan_reads(struct pipeline *a, unsigned shard, struct str cursor);
/* More than max: a problem; HSCAN gives about 100. *ret_cursor "0": the walk is over. */
bool audit_parse_reads(const struct command *command, size_t max, struct str *ret_cursor,
                       struct audit_counted_read *ret_reads, size_t *ret_count, struct problem *p);
/* Turns counts into records, each that still stands as it was read. While the lease is the
 * holder's: the answer is how many, or LEASE_LOST. details of the records have the minute already.
 */
struct command *audit_cmd_aggregate(struct pipeline *a, unsigned shard, struct str holder,
                                    const struct audit_counted_read *reads, size_t count);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An audit record says who did what to which student, when, and by which request (docs/audit.md,
 * Record format). Students appear under a pseudonym, a random text stored at
 * {ss}:student:ID:pseudonym (ss: the shard's number as two hexadecimal digits). It is made with the
 * first record about the student and deleted with the student, after which the records name no
 * person.
 *
 * New records are in the open segment of their shard: in the stream {ss}:audit:open, and, when they
 * are about what happens often, as counts in the hash {ss}:audit:counts (audit_counts.h). The
 * worker closes the segment, packs it and adds it to the stream {ss}:audit:segments
 * (audit_segment.h). Of refused requests of the same kind, the first in a segment is recorded at
 * once and the others are counted, so that a flood of them makes two records in each segment.
 *
 * While the schema number (the number of the format of all records) is 1, records are in the stream
 * {ss}:audit instead, and counts of a minute in the hash {ss}:audit:reads. They stay there, with
 * their seals (audit_seal.h), until they are older than the setting AUDIT_DAYS.
 *
 * No text contains a line feed: seals, segments and counts rely on it. */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "app/store/stream.h"

/* The fields of an audit record, in their order in the stream. Each has a name of one letter. */
enum audit_field {
    AUDIT_ACTOR, /* a: who acted: an id (audit_actor_of_id), student:PSEUDONYM, or empty: unknown */
    AUDIT_ROLE,  /* r: student, teacher, admin, service, none */
    AUDIT_ACTION,      /* t: read, calculated, exported, ... */
    AUDIT_RESOURCE,    /* o: type, such as mastery, or TYPE/NAME, such as cohort/c1 */
    AUDIT_SUBJECT,     /* w: the student's pseudonym; empty: about no single student */
    AUDIT_SUCCESS,     /* s: 1: the request succeeded; 0: it was refused or failed */
    AUDIT_CORRELATION, /* c: id of the request; empty: the record is a count */
    AUDIT_DETAILS,     /* d: a JSON object */
    AUDIT_COUNT,       /* n: number of requests that the record counts */
    AUDIT_FIELDS
};

/* An audit record to be written. Texts are never NULL; line feeds in them become spaces. */
struct audit_record {
    struct str actor; /* who acted; AUDIT_ACTOR_SELF: the student that the record is about */
    struct str role, action, resource;
    bool success;              /* false: the request was refused or failed */
    struct str correlation_id; /* id of the request */
    struct str details;        /* JSON object; empty counts as {} */
    int64_t count;             /* number of requests that the record counts; 0 counts as 1 */
};

#define AUDIT_ACTOR_SELF    STR("=")
#define AUDIT_ACTOR_STUDENT "student:" /* precedes the pseudonym of a student who acts */
/* Returns the actor of a record for an id that is not a student's: the id itself, or "=ID" for an
 * id that begins with "student:", which would look like a pseudonym. No id begins with "=". The
 * text's p is NULL when out of memory. */
struct str audit_actor_of_id(struct arena *arena, struct str id);
/* Returns the text by which clients see the actor of an audit record: the id, or student:PSEUDONYM.
 * It removes the "=" that audit_actor_of_id has added to an id which looks like the latter. */
struct str audit_actor_shown(struct str actor);

/* A Lua script that appends an audit record (lua/lib/audit_record.lua) gets AUDIT_ARGS texts of the
 * record (all but its subject), AUDIT_STUDENT_KEYS keys of its student, and a seed: random digits,
 * from which it makes a pseudonym if the student has none. */
enum { AUDIT_ARGS = AUDIT_FIELDS - 1, AUDIT_STUDENT_KEYS = 3 };
/* Puts the texts of an audit record into ret_args, the arguments of a Lua script that appends it.
 */
void audit_record_args(struct arena *arena, const struct audit_record *record,
                       struct str ret_args[AUDIT_ARGS]);
/* Puts into ret_keys the student's keys that a Lua script needs to append an audit record about the
 * student. */
void audit_student_keys(struct arena *arena, struct str student,
                        struct str ret_keys[AUDIT_STUDENT_KEYS]);
/* Returns 128 random bits as hexadecimal digits. Its p is NULL when out of memory. */
struct str audit_seed(struct arena *arena);

/* ---- items: what the processes of the pool record ---- */

enum audit_mode {
    AUDIT_IMMEDIATE,  /* becomes a record at once */
    AUDIT_AGGREGATED, /* a read or a change, which is only counted */
    AUDIT_DENIED, /* a refusal: the first of a kind in a segment becomes a record, others a count */
};

struct audit_item {
    struct audit_record record;
    struct str student; /* the student that the record is about; empty: no single student */
    enum audit_mode mode;
    int64_t minute; /* of schema 1: minutes since 1970-01-01 UTC; not used by AUDIT_IMMEDIATE */
};

enum { AUDIT_ITEMS_MAX = 128 };

/* Identifies a command that records items, so that the command cannot run twice, nor after its
 * sender has given it up. For each shard and each value of `aggregated`, a sender has one command
 * at a time. It sends the next one, with a greater number, when it knows the outcome of the one
 * before. */
struct audit_send {
    struct str sender; /* random id of the process */
    int64_t number;    /* number of the command, from 1 */
    unsigned shard;
    bool aggregated; /* true: all items are AUDIT_AGGREGATED; false: none is */
};

/* Queues a script that records `count` items (from 1 to AUDIT_ITEMS_MAX) of the shard send->shard.
 * Any other count fails the pipeline. */
struct command *audit_cmd_items(struct pipeline *pipeline, const struct audit_send *send,
                                const struct audit_item *items, size_t count);
/* Parses the reply to audit_cmd_items or audit_cmd_fence. ret_failed[i] is set to true if Redis has
 * not recorded item i; for all items if the reply is an error or there is none. */
void audit_parse_items(const struct command *command, size_t count, bool *ret_failed);
/* For a sender whose command got no reply: queues a script that replies what the command has
 * replied, if it has run. If it has not, the script forbids the command, which may still be on its
 * way to Redis, and none of its items is recorded. */
struct command *audit_cmd_fence(struct pipeline *pipeline, const struct audit_send *send);
/* Reads a student's pseudonym (random name in audit records); the script makes one if there is
 * none. */
struct command *audit_cmd_make_pseudonym(struct pipeline *pipeline, struct str student);
/* Reads a student's pseudonym (random name in audit records), if there is one. */
struct command *audit_cmd_get_pseudonym(struct pipeline *pipeline, struct str student);
/* Parses the reply to audit_cmd_make_pseudonym or audit_cmd_get_pseudonym. *ret: the pseudonym, or
 * "" if there is none. */
bool audit_parse_pseudonym(const struct command *command, struct str *ret, struct problem *p);

/* ---- reading ---- */

/* The stream that a function reads: records of schema 1, or those of the open segment. */
enum audit_stream { AUDIT_STREAM_SCHEMA_1, AUDIT_STREAM_OPEN };

/* An audit record as it was read. The texts point into the reply. */
struct audit_entry {
    struct str id; /* id of the entry in the stream */
    bool valid;    /* has all fields in their order, without line feeds; false: v has empty texts */
    struct str v[AUDIT_FIELDS]; /* the texts, by enum audit_field */
    /* of a count of accesses in a segment: time of the last access (epoch ms), while the time in
     * the id is about that at which the counting began; of any other record: 0 */
    int64_t last_ms;
};

enum { AUDIT_PAGE_MAX = 1024 };

/* Reads at most `count` audit records of the shard, oldest first. from and to are the first and the
 * last id, as for XRANGE: "-" is the start, "+" the end, and "(ID" excludes the id. */
struct command *audit_cmd_range(struct pipeline *pipeline, enum audit_stream stream, unsigned shard,
                                struct str from, struct str to, int count);
/* Reads at most `count` audit records of the shard, newest first. before: id at which to begin, as
 * for XREVRANGE: "+" is the newest record, and "(ID" excludes the id. */
struct command *audit_cmd_newest(struct pipeline *pipeline, enum audit_stream stream,
                                 unsigned shard, struct str before, int count);
/* Replies the number of records in the stream. */
struct command *audit_cmd_count(struct pipeline *pipeline, enum audit_stream stream,
                                unsigned shard);
/* Parses the reply to audit_cmd_range or audit_cmd_newest. ret_entries has room for max <=
 * AUDIT_PAGE_MAX audit records; *ret_count is the number of them. */
bool audit_parse_entries(const struct command *command, size_t max, struct audit_entry *ret_entries,
                         size_t *ret_count, struct problem *p);

#endif

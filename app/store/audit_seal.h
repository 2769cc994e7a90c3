/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The seals of a shard's audit log are the Redis stream {ss}:audit:seals (ss: the shard's number as
 * two hexadecimal digits). A seal makes changes to the log detectable: it has HMACs (keyed hashes)
 * of the records from one id to another, and its head, an HMAC over its fields. Each seal contains
 * the head of the seal before it, so the seals form a chain (docs/audit.md, The forms of schema 1;
 * service/audit_chain.h computes them).
 *
 * The hash audit:heads repeats the latest head of each shard, in another slot of Redis Cluster, so
 * that cutting off the end of a log together with its seals is detected. */
#ifndef STORE_AUDIT_SEAL_H
#define STORE_AUDIT_SEAL_H

#include "app/store/stream.h"

/* The fields of a seal, in their order in the stream. */
enum seal_field {
    SEAL_NUMBER,        /* q: number of the seal, 1, 2, 3, ... in each shard */
    SEAL_PREVIOUS_HEAD, /* p: head of the seal before; empty for the first seal */
    SEAL_PREVIOUS_LAST, /* b: id of the last record of the seal before; empty for the first seal */
    SEAL_FIRST,         /* f: id of the first record that the seal covers */
    SEAL_LAST,          /* l: id of the last record that the seal covers */
    SEAL_COUNT,         /* n: number of records that the seal covers */
    SEAL_KEY,           /* k: id of the HMAC key */
    SEAL_MACS,          /* m: "ID MAC ID MAC ...", a pair for each record */
    SEAL_HEAD,          /* h: HMAC over all other fields */
    SEAL_FIELDS
};

/* A seal as it was read. The texts point into the reply. */
struct audit_seal {
    struct str id;             /* id of the entry in the stream */
    bool valid;                /* has all fields in their order; false: v has empty texts */
    struct str v[SEAL_FIELDS]; /* the texts, by enum seal_field */
};

enum { AUDIT_SEALS_PAGE = 256 }; /* number of seals to read at a time */

/* Reads the newest seal of the shard's audit log (HMACs that make changes to the log detectable).
 */
struct command *audit_seal_cmd_latest(struct pipeline *pipeline, unsigned shard);
/* Reads at most `count` seals of the shard's audit log (HMACs of its records), oldest first. from:
 * an id, as for stream_cmd_range. */
struct command *audit_seal_cmd_range(struct pipeline *pipeline, unsigned shard, struct str from,
                                     int count);
/* Parses the reply to audit_seal_cmd_latest or audit_seal_cmd_range. ret_seals has room for max
 * seals; *ret_count is the number of them. */
bool audit_seal_parse(const struct command *command, size_t max, struct audit_seal *ret_seals,
                      size_t *ret_count, struct problem *p);

/* Appends the seal v if two conditions hold: the head of the latest seal is still
 * v[SEAL_PREVIOUS_HEAD], and `holder` (a worker) holds the shard's lease (time-limited ownership).
 * So two processes can never both append a seal after the same one. */
struct command *audit_seal_cmd_add(struct pipeline *pipeline, unsigned shard, struct str holder,
                                   const struct str v[SEAL_FIELDS]);
/* Results of audit_seal_parse_add. SEAL_SAVED: the seal was appended. SEAL_OUTDATED: it was not,
 * because the latest seal has another head than v[SEAL_PREVIOUS_HEAD]. */
enum { SEAL_SAVED = 1, SEAL_OUTDATED = 0 }; /* or LEASE_LOST: not appended, the lease is lost */
/* Parses the reply to audit_seal_cmd_add. *ret: SEAL_SAVED, SEAL_OUTDATED or LEASE_LOST. */
bool audit_seal_parse_add(const struct command *command, int64_t *ret, struct problem *p);

/* Removes from the shard's audit log the records before first_record and the seals (HMACs of
 * records) before first_seal, if `holder` holds the shard's lease. */
struct command *audit_seal_cmd_trim(struct pipeline *pipeline, unsigned shard, struct str holder,
                                    struct str first_record, struct str first_seal);

/* The two chains of a shard: that of the seals of schema 1, and that of the segments
 * (audit_segment.h). */
enum audit_chain { AUDIT_CHAIN_SEALS, AUDIT_CHAIN_SEGMENTS, AUDIT_CHAINS };

/* A field of the hash audit:heads. Its name is the shard's number as two hexadecimal digits, for
 * the chain of segments with ":segments" after it; its value is "NUMBER HEAD". */
struct audit_head {
    bool exists;     /* false: the hash has no valid field for the shard */
    int64_t number;  /* number of the seal or segment, from 1 */
    struct str head; /* head of that seal or segment */
};
/* Sets the shard's field of the hash audit:heads to `number` and `head` of the latest seal or
 * segment, both as texts. */
void audit_head_cmd_set(struct pipeline *pipeline, enum audit_chain chain, unsigned shard,
                        struct str number, struct str head);

/* Reads the hash audit:heads, which has of each shard the heads of its audit log's chains. */
struct command *audit_heads_cmd_get(struct pipeline *pipeline);
/* Parses the heads of one chain from the reply to audit_heads_cmd_get into SHARDS elements, by
 * shard. Fields of another form are ignored. */
bool audit_heads_parse(const struct command *command, enum audit_chain chain,
                       struct audit_head *ret_heads, struct problem *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The seals of a shard's audit log: {ss}:audit:seals, a stream. A seal covers the records from one
 * id to another and the seal before it (docs/audit.md, Seals; service/audit_chain.h computes it).
 * The hash audit:heads repeats the latest head of each shard in another slot, so that cutting off
 * the end of a log together with its seals is detected. */
#ifndef STORE_AUDIT_SEAL_H
#define STORE_AUDIT_SEAL_H

#include "app/store/stream.h"

/* The fields of a seal, in their order in the stream. */
enum seal_field {
    SEAL_NUMBER,        /* q: 1, 2, 3, ... in each shard */
    SEAL_PREVIOUS_HEAD, /* p: head of the seal before; empty for the first seal */
    SEAL_PREVIOUS_LAST, /* b: id of the last record of the seal before; empty for the first seal */
    SEAL_FIRST,         /* f: id of the first record that the seal covers */
    SEAL_LAST,          /* l: id of the last one */
    SEAL_COUNT,         /* n: number of records */
    SEAL_KEY,           /* k: id of the HMAC key */
    SEAL_MACS,          /* m: "ID MAC ID MAC ...", a pair for each record */
    SEAL_HEAD,          /* h: HMAC over all other fields */
    SEAL_FIELDS
};

/* Texts point into the reply. */
struct audit_seal {
    struct str id; /* in the stream */
    bool valid;    /* has all fields in their order; false: v is empty texts */
    struct str v[SEAL_FIELDS];
};

enum { AUDIT_SEALS_PAGE = 256 };

struct command *audit_seal_cmd_latest(struct pipeline *pipeline, unsigned shard);
/* At most count seals, oldest first; `from` as for stream_cmd_range. */
struct command *audit_seal_cmd_range(struct pipeline *pipeline, unsigned shard, struct str from,
                                     int count);
/* ret_seals has room for max. */
bool audit_seal_parse(const struct command *command, size_t max, struct audit_seal *ret_seals,
                      size_t *ret_count, struct problem *p);

/* Appends the seal, if the latest head is still v[SEAL_PREVIOUS_HEAD] and the lease is the
 * holder's: two processes can never append to the same seal. */
struct command *audit_seal_cmd_add(struct pipeline *pipeline, unsigned shard, struct str holder,
                                   const struct str v[SEAL_FIELDS]);
enum { SEAL_SAVED = 1, SEAL_OUTDATED = 0 }; /* or LEASE_LOST */
bool audit_seal_parse_add(const struct command *command, int64_t *ret, struct problem *p);

/* Removes the records and seals before these ids, if the lease is the holder's. */
struct command *audit_seal_cmd_trim(struct pipeline *pipeline, unsigned shard, struct str holder,
                                    struct str first_record, struct str first_seal);

/* A field of audit:heads: two hexadecimal digits of the shard, "NUMBER HEAD". */
struct audit_head {
    bool exists;
    int64_t number;
    struct str head;
};
void audit_head_cmd_set(struct pipeline *pipeline, unsigned shard, struct str number,
                        struct str head);
struct command *audit_heads_cmd_get(struct pipeline *pipeline);
/* ret_heads has SHARDS elements. Fields of another form are ignored. */
bool audit_heads_parse(const struct command *command, struct audit_head *ret_heads,
                       struct problem *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The seals of a shard's audit log: {ss}:audit:seals, a stream. Each covers the records from one id
 * to another and the seal before it (service/audit_chain.h says how). audit:heads has the latest
 * of each shard once more, elsewhere, so that a tail that was cut off is missed. */
#ifndef STORE_AUDIT_SEAL_H
#define STORE_AUDIT_SEAL_H

#include "app/store/stream.h"

/* The fields of a seal, in their order in the stream. */
enum seal_field {
    SEAL_NUMBER,        /* q: 1, 2, 3, ... in each shard */
    SEAL_PREVIOUS_HEAD, /* p: the head of the seal before; empty for the first */
    SEAL_PREVIOUS_LAST, /* b: the last record of the seal before; empty for the first */
    SEAL_FIRST,         /* f: id of the first record under it */
    SEAL_LAST,          /* l: id of the last one */
    SEAL_COUNT,         /* n: how many records */
    SEAL_KEY,           /* k: which key */
    SEAL_MACS,          /* m: "ID MAC ID MAC ...", a pair for each record */
    SEAL_HEAD,          /* h: HMAC over all of this */
    SEAL_FIELDS
};

struct audit_seal {
    struct str id; /* in the stream */
    bool valid;    /* has all fields in their order; else v is empty texts */
    struct str v[SEAL_FIELDS];
};

enum { AUDIT_SEALS_PAGE = 256 };

struct command *audit_seal_cmd_latest(struct pipeline *a, unsigned shard);
struct command *audit_seal_cmd_range(struct pipeline *a, unsigned shard, struct str from,
                                     int count);
/* ret_seals has room for max. Texts point into the reply. */
bool audit_seal_parse(const struct command *command, size_t max, struct audit_seal *ret_seals,
                      size_t *ret_count, struct problem *p);

/* Appends the seal, if the latest one's head is still SEAL_PREVIOUS_HEAD and the lease is the
 * holder's: two sealers cannot both go on from one seal. */
struct command *audit_seal_cmd_add(struct pipeline *a, unsigned shard, struct str holder,
                                   const struct str v[SEAL_FIELDS]);
enum { SEAL_SAVED = 1, SEAL_OUTDATED = 0 }; /* or LEASE_LOST */
bool audit_seal_parse_add(const struct command *command, int64_t *ret, struct problem *p);

/* Removes what stands before the record and the seal with these ids, while the lease is ours. */
struct command *audit_seal_cmd_trim(struct pipeline *a, unsigned shard, struct str holder,
                                    struct str first_record, struct str first_seal);

/* The heads: field 2b, value "NUMBER HEAD". */
struct audit_head {
    bool exists;
    int64_t number;
    struct str head;
};
void audit_head_cmd_set(struct pipeline *a, unsigned shard, struct str number, struct str head);
struct command *audit_heads_cmd_get(struct pipeline *a);
bool audit_heads_parse(const struct command *command, struct audit_head *ret_heads,
                       struct problem *p);

#endif

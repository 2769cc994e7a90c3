/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How audit records are sealed (docs/audit.md shows how to check one by hand). A record's MAC is
 * HMAC-SHA256 of its id and its values, a line each, the first 16 bytes in hex. A seal lists the
 * MACs of the records under it; its head is HMAC-SHA256 of the seal's own values, the previous
 * seal's head among them, a line each. So nothing under a seal can be changed, removed, added or
 * moved without the key, nor can a seal but the latest. Pure: no store, no clock. */
#ifndef SERVICE_AUDIT_CHAIN_H
#define SERVICE_AUDIT_CHAIN_H

#include "app/base/config.h"
#include "app/store/audit.h"
#include "app/store/audit_seal.h"

enum { AUDIT_KEYS_MAX = 8, AUDIT_KEY_BYTES_MIN = 32, AUDIT_KEY_ID_SIZE = 17 };
enum { AUDIT_MAC_SIZE = 33, AUDIT_HEAD_SIZE = 65 }; /* hex and NUL */

struct audit_key {
    struct str secret;
    char id[AUDIT_KEY_ID_SIZE]; /* says which key it is, nothing about it */
};

/* AUDIT_KEY: a key a line, 32 bytes or more each; the first seals, all verify. */
struct audit_keys {
    struct audit_key v[AUDIT_KEYS_MAX];
    size_t n;
    char *text; /* owned; the secrets point into it */
};

/* As configured. Not set, or anything wrong: false, with the reason, and *ret is untouched. */
bool audit_keys_load(const struct config *config, struct audit_keys *ret, char ret_error[200]);
void audit_keys_release(struct audit_keys *keys);
/* NULL: none of ours. */
const struct audit_key *audit_keys_find(const struct audit_keys *keys, struct str id);

/* All in this file take memory of the arena; without any they say false. */
bool audit_record_mac(struct arena *arena, const struct audit_key *key,
                      const struct audit_entry *entry, char ret[AUDIT_MAC_SIZE]);
/* Of all values but the head itself. */
bool audit_seal_head(struct arena *arena, const struct audit_key *key, unsigned shard,
                     const struct str v[SEAL_FIELDS], char ret[AUDIT_HEAD_SIZE]);

/* Where a shard's chain has got to. */
struct audit_link {
    int64_t seal_number; /* of the latest seal; 0: none yet */
    char head[AUDIT_HEAD_SIZE];
    char last_record_id[STREAM_ID_SIZE]; /* id of the last record under it; empty: none yet */
};

/* The link that a seal makes; false when it cannot be one of ours. */
bool audit_link_from_seal(const struct audit_seal *seal, struct audit_link *ret);
/* The seal of the next records: entries are those behind link->last, n > 0. */
bool audit_seal_next(struct arena *arena, const struct audit_key *key, unsigned shard,
                     const struct audit_link *link, const struct audit_entry *entries, size_t n,
                     struct str ret_v[SEAL_FIELDS], struct audit_link *ret_link);

#endif

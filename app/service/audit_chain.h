/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How audit records are sealed (docs/audit.md, Seals; Verification shows how to check one by hand).
 * A record's MAC is HMAC-SHA256 of its id and its values, a line each: the first 16 bytes in hex. A
 * seal lists the MACs of a segment of records; its head is HMAC-SHA256 of the seal's own values, a
 * line each, among them the head of the seal before. Without the key nothing under a seal can be
 * changed, removed, added or moved, and no seal but the latest. Only computes: no Redis, no clock.
 */
#ifndef SERVICE_AUDIT_CHAIN_H
#define SERVICE_AUDIT_CHAIN_H

#include "app/base/config.h"
#include "app/store/audit.h"
#include "app/store/audit_seal.h"

enum { AUDIT_KEYS_MAX = 8, AUDIT_KEY_BYTES_MIN = 32, AUDIT_KEY_ID_SIZE = 17 };
enum { AUDIT_MAC_SIZE = 33, AUDIT_HEAD_SIZE = 65 }; /* hex and NUL */

struct audit_key {
    struct str secret;
    char id[AUDIT_KEY_ID_SIZE]; /* names the key without revealing anything of it */
};

/* The keys in AUDIT_KEY: one per line, 32 bytes or more; the first seals, all of them verify. */
struct audit_keys {
    struct audit_key v[AUDIT_KEYS_MAX];
    size_t n;
    char *text; /* owned; the secrets point into it */
};

/* False with the reason when AUDIT_KEY is not set or not valid; *ret is then untouched. */
bool audit_keys_load(const struct config *config, struct audit_keys *ret, char ret_error[200]);
void audit_keys_release(struct audit_keys *keys);
/* The key with that id, or NULL. */
const struct audit_key *audit_keys_find(const struct audit_keys *keys, struct str id);

/* The functions below need memory of the arena; without it they return false. */
bool audit_record_mac(struct arena *arena, const struct audit_key *key,
                      const struct audit_entry *entry, char ret[AUDIT_MAC_SIZE]);
/* The head of a seal with these values; v[SEAL_HEAD] is not read. */
bool audit_seal_head(struct arena *arena, const struct audit_key *key, unsigned shard,
                     const struct str v[SEAL_FIELDS], char ret[AUDIT_HEAD_SIZE]);

/* The latest seal of a shard's chain, on which the next one is built. */
struct audit_link {
    int64_t seal_number; /* 0: the shard has no seal yet */
    char head[AUDIT_HEAD_SIZE];
    char last_record_id[STREAM_ID_SIZE]; /* the last record under it; empty: none yet */
};

/* The link that a stored seal makes; false when its values are not those of a seal. */
bool audit_link_from_seal(const struct audit_seal *seal, struct audit_link *ret);
/* Makes the next seal. entries: the n > 0 records after link->last_record_id, in order. */
bool audit_seal_next(struct arena *arena, const struct audit_key *key, unsigned shard,
                     const struct audit_link *link, const struct audit_entry *entries, size_t n,
                     struct str ret_v[SEAL_FIELDS], struct audit_link *ret_link);

#endif

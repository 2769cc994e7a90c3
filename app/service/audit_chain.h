/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Seals audit records in the forms of schema 1 (the data format of version 0.1.0), so that a later
 * change shows (docs/audit.md, The forms of schema 1). A record's MAC (keyed hash) is the first 16
 * bytes, in hex, of the HMAC-SHA256 of its id and values, one per line. A seal closes a list of
 * successive records of one shard, and lists their MACs. The seal's head is the HMAC-SHA256 of its
 * own values, one per line. The head of the seal before is one of these values, so the seals of a
 * shard form a chain. Without the key, sealed records and seals cannot be changed, removed, added
 * or moved without a trace. Only the end of the chain can be cut off: this shows if the head of a
 * later seal is known from elsewhere. Segments (audit_segment_pack.h) use the same keys. These
 * functions only compute: they use neither Redis nor the clock. */
#ifndef SERVICE_AUDIT_CHAIN_H
#define SERVICE_AUDIT_CHAIN_H

#include "app/base/config.h"
#include "app/store/audit.h"
#include "app/store/audit_seal.h"

enum {
    AUDIT_KEYS_MAX = 8,       /* keys in AUDIT_KEY */
    AUDIT_KEY_BYTES_MIN = 32, /* length of the shortest key that is accepted */
};
/* Sizes of texts of hexadecimal digits with NUL. */
enum { AUDIT_KEY_ID_SIZE = 17, AUDIT_MAC_SIZE = 33, AUDIT_HEAD_SIZE = 65 };

struct audit_key {
    struct str secret;
    char id[AUDIT_KEY_ID_SIZE]; /* name of the key in seals; reveals nothing of the secret */
};

/* The keys of the setting AUDIT_KEY, which has one key of 32 bytes or more per line. New seals are
 * made with the first key. Existing seals are verified with the key that they name. */
struct audit_keys {
    struct audit_key v[AUDIT_KEYS_MAX];
    size_t n;
    char *text; /* copy of AUDIT_KEY, owned; the secrets in v point into it */
};

/* Reads the keys of the setting AUDIT_KEY. False, with the reason in ret_error and *ret untouched,
 * when AUDIT_KEY is not set or not valid. */
bool audit_keys_load(const struct config *config, struct audit_keys *ret, char ret_error[200]);
/* Overwrites and frees the keys. */
void audit_keys_release(struct audit_keys *keys);
/* Returns the key with the id, or NULL. */
const struct audit_key *audit_keys_find(const struct audit_keys *keys, struct str id);

/* The functions with an arena return false when out of memory. */

/* Computes the MAC of a record. ret: 32 hexadecimal digits. */
bool audit_record_mac(struct arena *arena, const struct audit_key *key,
                      const struct audit_entry *entry, char ret[AUDIT_MAC_SIZE]);
/* Computes the head of a seal from its other values; v[SEAL_HEAD] is not read. ret: 64 hexadecimal
 * digits. */
bool audit_seal_head(struct arena *arena, const struct audit_key *key, unsigned shard,
                     const struct str v[SEAL_FIELDS], char ret[AUDIT_HEAD_SIZE]);

/* The latest seal of a shard's chain: what the next seal needs to know of it. */
struct audit_link {
    int64_t seal_number;                 /* number of the seal; 0: the shard has no seal yet */
    char head[AUDIT_HEAD_SIZE];          /* head of the seal; empty: no seal yet */
    char last_record_id[STREAM_ID_SIZE]; /* id of the last sealed record; empty: no seal yet */
};

/* Makes the link (what the next seal needs to know) of a stored seal. False when the stored values
 * are not those of a seal. */
bool audit_link_from_seal(const struct audit_seal *seal, struct audit_link *ret);
/* Makes the values ret_v of the seal that follows the one of `link`, and its own link *ret_link.
 * entries: the n records after link->last_record_id, in the order of their ids; n > 0. */
bool audit_seal_next(struct arena *arena, const struct audit_key *key, unsigned shard,
                     const struct audit_link *link, const struct audit_entry *entries, size_t n,
                     struct str ret_v[SEAL_FIELDS], struct audit_link *ret_link);

#endif

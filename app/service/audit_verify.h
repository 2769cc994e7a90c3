/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks a shard's chain of seals and the records under it, from the oldest on, and stops at the
 * first fault. Only computes: the caller reads seals and records from Redis. */
#ifndef SERVICE_AUDIT_VERIFY_H
#define SERVICE_AUDIT_VERIFY_H

#include "app/service/audit_chain.h"

enum audit_fault {
    AUDIT_INTACT,
    AUDIT_CHANGED,
    AUDIT_REMOVED,
    AUDIT_INSERTED,
    AUDIT_REORDERED,
    AUDIT_SEAL_CHANGED,
    AUDIT_SEAL_REMOVED,
    AUDIT_SEAL_MOVED,
    AUDIT_FORKED,
    AUDIT_START_TRUNCATED,
    AUDIT_END_TRUNCATED,
    AUDIT_REPLACED,
    AUDIT_UNSEALED,
    AUDIT_NO_KEY,
    AUDIT_NO_MEMORY,
    AUDIT_FAULTS
};
/* Ends of sentences that begin with "record ID" or "seal ID". */
extern const char *const audit_fault_texts[AUDIT_FAULTS];

struct audit_check {
    /* in */
    const struct audit_keys *keys;
    unsigned shard;
    int64_t retained_since_ms; /* retention has removed no record that is younger */
    /* out */
    enum audit_fault fault;
    bool is_record;          /* the fault is of a record, else of a seal */
    char id[STREAM_ID_SIZE]; /* its id; may be empty */
    uint64_t seals, records; /* checked and found intact */
    struct audit_link link;  /* the latest seal that was checked; seal_number 0: none yet */
    /* own */
    char previous_head[AUDIT_HEAD_SIZE]; /* the head that the seal of link was built on */
};

/* All four return false when they find a fault; do not call any of them after that.
 *
 * For each seal, oldest first: audit_check_seal, then audit_check_records with all records after
 * link.last_record_id as it was before (all records, for the first seal) up to the seal's last. */
bool audit_check_seal(struct audit_check *check, const struct audit_seal *seal,
                      struct arena *arena);
bool audit_check_records(struct audit_check *check, const struct audit_seal *seal,
                         const struct audit_entry *entries, size_t n, struct arena *arena);
/* Compares with a head known from elsewhere, from audit:heads or the log. Call after the seal of
 * that number, or at the end. */
bool audit_check_head(struct audit_check *check, int64_t number, struct str head);
/* At the end: `oldest` is the first record after the last seal. It is no fault while it is so young
 * that the next seal may still be missing. */
bool audit_check_unsealed(struct audit_check *check, const struct audit_entry *oldest,
                          int64_t now_ms);

#endif

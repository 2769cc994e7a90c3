/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks a shard's chain of seals and the records under it, from the oldest on. The first thing
 * found wrong is kept, with the id of the record or seal that it is about. Pure: whoever reads the
 * store hands over what is there. */
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
extern const char *const audit_fault_texts[AUDIT_FAULTS]; /* what stands behind "record ID " etc. */

struct audit_check {
    /* in */
    const struct audit_keys *keys;
    unsigned shard;
    int64_t retained_since_ms; /* what is younger has not been removed for its age */
    /* out */
    enum audit_fault fault;
    bool is_record;          /* id is a record's, else a seal's */
    char id[STREAM_ID_SIZE]; /* may be empty */
    uint64_t seals, records; /* that were checked */
    struct audit_link link;  /* where the chain has got to; number 0: nowhere yet */
    /* own */
    char previous_head[AUDIT_HEAD_SIZE]; /* the head that link was made upon */
};

/* Both are false when something is wrong; nothing is to be called then any more. The seal is the
 * one behind those before; entries are all records behind link.last (none, at the first seal) up to
 * the seal's last, and are checked before the next seal is. */
bool audit_check_seal(struct audit_check *c, const struct audit_seal *seal, struct arena *arena);
bool audit_check_records(struct audit_check *c, const struct audit_seal *seal,
                         const struct audit_entry *entries, size_t n, struct arena *arena);
/* A head that is known from elsewhere: audit:heads, or the log. Behind the seal of that number, or
 * at the end. */
bool audit_check_head(struct audit_check *c, int64_t number, struct str head);
/* The end: records behind the last seal, the oldest of them. They may be so young that the next
 * seal is still to come. */
bool audit_check_unsealed(struct audit_check *c, const struct audit_entry *oldest, int64_t now_ms);

#endif

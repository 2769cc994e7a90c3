/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks a chain of a shard's audit log from the oldest link on, and stops at the first fault. A
 * shard has two chains: that of the segments (packs of up to 256 records, audit_segment_pack.h),
 * and that of the seals of schema 1 (the data format of version 0.1.0), which sign records
 * (audit_chain.h). The head of a segment or seal is a keyed hash of its contents, with which the
 * next one is linked to it. These functions only compute: the caller reads from Redis. */
#ifndef SERVICE_AUDIT_VERIFY_H
#define SERVICE_AUDIT_VERIFY_H

#include "app/service/audit_segment_pack.h"

/* What may be wrong with a chain; audit_fault_texts says what each one means. */
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
    AUDIT_LINE_BROKEN,
    AUDIT_NO_KEY,
    AUDIT_NO_MEMORY,
    AUDIT_FAULTS
};
/* The fault in words, for the end of a sentence that begins with "record ID", "seal ID" or
 * "segment ID". */
extern const char *const audit_fault_texts[AUDIT_FAULTS];

/* The check of one chain. */
struct audit_check {
    /* in: set by the caller */
    const struct audit_keys *keys;
    enum audit_chain chain;
    unsigned shard;
    int64_t retained_since_ms; /* time from which on retention has removed no record */
    /* results, set by the functions below */
    enum audit_fault fault;
    bool is_record;          /* true: the fault is in a record; false: in a seal or segment */
    char id[STREAM_ID_SIZE]; /* id of the record, seal or segment with the fault; may be empty */
    uint64_t seals, records; /* number of seals or segments found intact; of records found intact */
    struct audit_link link;  /* the latest seal or segment that was checked; seal_number 0: none */
    /* internal to the implementation: callers do not use them */
    char previous_head[AUDIT_HEAD_SIZE]; /* head of the seal that precedes `link` in the chain */
};

/* The audit_check functions return false when they find a fault, which is then in check->fault;
 * call none of them after that.
 *
 * Checks a seal: its form, its key, its head, and its position in the chain. Call it for each seal,
 * oldest first. */
bool audit_check_seal(struct audit_check *check, const struct audit_seal *seal,
                      struct arena *arena);
/* Checks the records that a seal signs; call it after audit_check_seal. entries: the n stored
 * records that the seal must sign, in the order of their ids: those after the last record of the
 * seal before (for the first seal, from the oldest record on), up to the seal's own last record. */
bool audit_check_records(struct audit_check *check, const struct audit_seal *seal,
                         const struct audit_entry *entries, size_t n, struct arena *arena);
/* Checks a segment as Redis stores it: its form, its key, its head, and its position in the chain.
 * Call it for each segment, oldest first. */
bool audit_check_segment(struct audit_check *check, const struct audit_segment *segment,
                         struct arena *arena);
/* The same for a segment that was unpacked before, or read from the archive. values: its values.
 * text: its text, of which the head in values must be the HMAC. */
bool audit_check_segment_text(struct audit_check *check, const struct audit_segment_text *values,
                              struct str text);
/* Sets the fault that a line of the archive, after the last segment that was checked, is no
 * segment. Returns false. */
bool audit_check_broken_line(struct audit_check *check);
/* Compares the chain with the head of the seal or segment `number` that is known from elsewhere:
 * from the Redis key audit:heads, or from a line in the process's log. Call after the seal of that
 * number was checked, or at the end, to find that the end of the chain was removed. */
bool audit_check_head(struct audit_check *check, int64_t number, struct str head);
/* Checks at the end that `oldest`, the first record after the last seal or segment, is so young
 * that the worker need not have sealed it yet. seal_s: how many seconds the worker may take, to
 * which a minute for delays is added. */
bool audit_check_unsealed(struct audit_check *check, const struct audit_entry *oldest,
                          int64_t now_ms, int64_t seal_s);

#endif

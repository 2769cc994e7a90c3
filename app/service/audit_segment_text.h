/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text of a closed segment (up to 256 records of a shard's audit log). The segment's head is
 * the start of the HMAC-SHA256 of this text. The text has one value per line: shard (two
 * hexadecimal digits), number of the segment (1, 2, 3, ... in each shard), head of the segment
 * before (hexadecimal; empty for the first), id of its last record (empty for the first), first
 * digits of the id of the HMAC key, number of records, number of records of this and all earlier
 * segments; then column by column a line for each record (docs/audit.md, Segments). As the text
 * names the head of the segment before, the segments of a shard form a chain: without the key
 * nothing in it can be changed, removed, added or moved without a trace. Only its end can be cut
 * off: this shows if the head of a later segment is known from elsewhere. Redis has the same values
 * in fewer bytes (audit_segment_code.h). These functions only compute: they use neither Redis nor
 * the clock. */
#ifndef SERVICE_AUDIT_SEGMENT_TEXT_H
#define SERVICE_AUDIT_SEGMENT_TEXT_H

#include "app/service/audit_chain.h"
#include "app/store/audit_segment.h"

enum { AUDIT_SEGMENT_KEY_DIGITS = 4 }; /* how many digits of a key's id a segment has */

/* The latest segment of a shard's chain: what the next one needs to know of it. */
struct audit_segment_link {
    int64_t number;                             /* number of the segment; 0: the shard has none */
    int64_t total;                              /* number of records of this and all earlier ones */
    char head[AUDIT_HEAD_SIZE];                 /* hexadecimal; empty: no segment yet */
    unsigned char raw_head[AUDIT_SEGMENT_HEAD]; /* the same as bytes, as Redis stores it */
    char last_id[STREAM_ID_SIZE];               /* id of its last record; empty: none */
};

/* The values of a segment. The texts are in the arena. */
struct audit_segment_text {
    unsigned shard;
    struct audit_segment_link link;        /* of this segment; its head is the stored one */
    struct str previous_head, previous_id; /* of the segment before; empty: it is the first */
    struct str key_id;                     /* first digits of the id of the HMAC key */
    struct audit_entry *entries;           /* the records, oldest first */
    size_t n;                              /* 1 to AUDIT_SEGMENT_RECORDS */
};

/* Returns the text of the segment in the arena; p is NULL when out of memory. */
struct str audit_segment_print(struct arena *arena, const struct audit_segment_text *segment);
/* Parses a text that audit_segment_print has returned; the head in ret->link stays empty. False:
 * the text is not in this form, or out of memory. */
bool audit_segment_parse_text(struct arena *arena, struct str text, struct audit_segment_text *ret);
/* Replaces the actor "=" of records, which means the student that the record is about, by
 * "student:" and the student's pseudonym. False: out of memory. */
bool audit_segment_name_actors(struct arena *arena, struct audit_segment_text *segment);
/* Returns the actor as a segment has it: "=" (AUDIT_ACTOR_SELF) if it is the student that the
 * record is about, else as it is. */
struct str audit_segment_actor(const struct audit_entry *entry);
/* Splits an id, MS-NUMBER, into its two numbers. A part that is no number gives 0, and so does the
 * second part if the first is none. */
void audit_segment_split_id(struct str id, int64_t *ret_ms, int64_t *ret_number);

#endif

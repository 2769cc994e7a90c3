/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists audit records, newest first, of all shards (groups of Redis keys). With a filter by the
 * student that the records are about, it reads only the student's shard and, of its closed
 * segments, only those that the student's index names (store/audit_index.h). New records of a shard
 * are in its open segment, as records or as counts of equal accesses; the worker closes the
 * segment, which packs up to 256 of them. So each shard has records in several places: in the
 * stream of schema 1 (the data format of version 0.1.0), in the open segment, as counts of the open
 * segment, in closed segments. Each of these is a source that is sorted by time, and the list
 * merges them. */
#ifndef SERVICE_AUDIT_LIST_H
#define SERVICE_AUDIT_LIST_H

#include "app/http/route.h"
#include "app/service/audit_cursor.h"
#include "app/store/audit_segment.h"
#include "app/store/keys.h"

/* A listed record, and the shard that has it. */
struct audit_list_item {
    unsigned shard;
    struct audit_entry entry;
};

/* The largest number of records that one list with a filter examines. Without this limit a filter
 * that matches nothing would read the whole log. */
enum { AUDIT_LIST_SCAN_MAX = 20000 };

enum audit_source_kind {
    AUDIT_SOURCE_SCHEMA_1, /* stream of records in the forms of schema 1 */
    AUDIT_SOURCE_OPEN,     /* stream of the records of the open segment */
    AUDIT_SOURCE_SEGMENTS, /* closed segments */
    AUDIT_SOURCE_COUNTS,   /* counts of the open segment */
    AUDIT_SOURCE_KINDS
};

/* One of the places of a shard in which records are, and the part of it that has been read (the
 * page). */
struct audit_list_source {
    struct command *cmd; /* read of its next page; NULL: none is in progress */
    /* the n records of the page, newest first; page[0 .. next - 1] have been merged */
    struct audit_entry *page;
    size_t n, next;
    bool exhausted; /* the source has no records older than those of `page` */
    /* only of AUDIT_SOURCE_SEGMENTS: id of the closed segment to read when the page is merged,
     * which is the id of its newest record; empty: none */
    char segment[STREAM_ID_SIZE];
    /* id of page[next], or of `segment` when the page is merged: MS-NUMBER; -1: there is neither */
    int64_t ms, number;
};

struct audit_list {
    /* in: set by the caller */
    struct str user;    /* filter by actor; empty: any. A student's id matches the pseudonym, too */
    struct str student; /* filter by the student that records are about; empty: any */
    struct str resource_type; /* filter by type of resource; empty: any */
    int64_t since_ms;         /* oldest time of a record (epoch ms); 0: any */
    size_t limit;             /* largest number of records in the list */
    /* the list has the records that are older than this one; empty id: all */
    struct audit_cursor from;
    /* out: set when the last step ends without a problem */
    struct audit_list_item *items; /* the n listed records, newest first */
    size_t n;
    int64_t total; /* number of records in the log; with a filter, of matches found */
    /* time (epoch ms) of the newest segment that the list would need and Redis no longer has; 0:
     * none */
    int64_t gone_ms;
    bool has_more;            /* there may be older records for another list */
    struct audit_cursor last; /* where the next list begins: the last record that was examined */
    /* internal to the implementation: callers do not use them */
    struct command *user_cmd, *student_cmd; /* read pseudonyms; NULL: not in progress */
    /* how records name `user` as the actor: user_actor, by the id; pseudonym_actor, if `user` is a
     * student, "student:" and the pseudonym, else empty */
    struct str pseudonym_actor, user_actor;
    struct str subject;                /* pseudonym of `student`; empty: none */
    struct str index;                  /* the student's segments (audit_index.h) */
    unsigned first_shard, shard_count; /* the shards that are listed */
    /* read the lengths of a shard's streams: [0] of schema 1, [1] of the open segment; NULL: not in
     * progress */
    struct command *length_cmds[SHARDS][2];
    struct command *find_cmds[SHARDS]; /* look up a segment; NULL: not in progress */
    struct audit_list_source sources[SHARDS][AUDIT_SOURCE_KINDS];
    char loaded[SHARDS][STREAM_ID_SIZE]; /* the segment that was read last; empty: none */
    struct audit_cursor position;        /* the last record that was examined */
    size_t scanned;                      /* number of records examined so far */
    size_t page_size;                    /* number of records that a step reads from one stream */
    size_t segments;                     /* number of segments that a step reads */
    bool started;                        /* the first step has run */
    bool counts_left;                    /* counts are being read */
    bool find_after_counts;              /* segments are looked up when all counts are read */
};

/* Runs the next step of the list. Call with the internal fields zeroed, then again after
 * each pipeline until STEP_DONE, which is also returned after a problem. */
enum step audit_list_step(struct audit_list *list, struct pipeline *pipeline, struct problem *p);
/* Whether the record passes the filters of the list, after its last step. */
bool audit_list_matches(const struct audit_list *list, const struct audit_entry *entry);
/* Returns the time (epoch ms) from which on no record that matches is missing, neither in this list
 * nor in those before it. Call it after the last step. kept_since_ms: time before which records may
 * have been removed by retention. */
int64_t audit_list_complete_since(const struct audit_list *list, int64_t kept_since_ms);

#endif

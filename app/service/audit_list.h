/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists audit records, newest first: of all shards (groups of Redis keys), or, with a filter by the
 * student that the records are about, of the student's shard alone, and there of the closed
 * segments alone that the student's index names (store/audit_index.h). Each shard has records in
 * several places: in the stream of schema 1, in the open segment, as counts of the open segment,
 * in closed segments. All of these are sources, each sorted by time, and the list merges them. */
#ifndef SERVICE_AUDIT_LIST_H
#define SERVICE_AUDIT_LIST_H

#include "app/http/route.h"
#include "app/service/audit_cursor.h"
#include "app/store/audit_segment.h"
#include "app/store/keys.h"

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

/* One of the places of a shard. */
struct audit_list_source {
    struct command *cmd; /* read of its next page; NULL: none is in progress */
    /* the n records of the page, newest first; page[0 .. next - 1] have been merged */
    struct audit_entry *page;
    size_t n, next;
    bool exhausted; /* the source has no records older than those of `page` */
    /* of closed segments: id of the segment that is to be read after the page, which is that of its
     * newest record; empty: none */
    char segment[STREAM_ID_SIZE];
    int64_t ms, number; /* id of page[next], or of `segment` when the page is merged */
};

struct audit_list {
    /* in: set by the caller */
    struct str user;    /* filter by actor; empty: any. A student's id matches the pseudonym, too */
    struct str student; /* filter by the student that records are about; empty: any */
    struct str resource_type; /* filter by type of resource; empty: any */
    int64_t since_ms;         /* oldest time of a record (epoch ms); 0: any */
    size_t limit;             /* largest number of records in the list */
    struct audit_cursor from; /* where the list begins */
    /* out: set when the last step ends without a problem */
    struct audit_list_item *items; /* the n listed records, newest first */
    size_t n;
    int64_t total; /* number of records in the log; with a filter, of matches found */
    int64_t
        gone_ms;   /* time (epoch ms) up to which Redis no longer has what would follow; 0: none */
    bool has_more; /* there may be older records for another list */
    struct audit_cursor last; /* where the next list begins: the last record that was examined */
    /* internal to the implementation: callers do not use them */
    struct command *user_cmd, *student_cmd; /* read pseudonyms; NULL: not in progress */
    /* how records name `user` as the actor. pseudonym_actor: "student:" and the pseudonym, if
     * `user` is a student, else empty. user_actor: if `user` is anybody else */
    struct str pseudonym_actor, user_actor;
    struct str subject;                     /* pseudonym of `student`; empty: none */
    struct str index;                       /* the student's segments (audit_index.h) */
    unsigned first_shard, shard_count;      /* the shards that are listed */
    struct command *length_cmds[SHARDS][2]; /* lengths of the streams; [.][0] NULL: done */
    struct command *find_cmds[SHARDS];      /* search a segment; NULL: not in progress */
    struct audit_list_source sources[SHARDS][AUDIT_SOURCE_KINDS];
    char loaded[SHARDS][STREAM_ID_SIZE]; /* the segment that was read last; empty: none */
    struct audit_cursor position;        /* the last record that was examined */
    size_t scanned;                      /* number of records examined so far */
    size_t page_size;                    /* number of records that a step reads from one stream */
    size_t segments;                     /* number of segments that a step reads */
    bool started;                        /* the first step has run */
    bool counts_left;                    /* counts are being read */
    bool find_after_counts;              /* when they are read, segments are looked up */
};

/* Runs the next step of the list. Call with the internal fields zeroed, then again after
 * each pipeline until STEP_DONE, which is also returned after a problem. */
enum step audit_list_step(struct audit_list *list, struct pipeline *pipeline, struct problem *p);
/* Whether the record passes the filters of the list, after its last step. */
bool audit_list_matches(const struct audit_list *list, const struct audit_entry *entry);
/* Returns the time (epoch ms) since which the list has all records that match, after the last step.
 * kept_since_ms: time since which records are kept. */
int64_t audit_list_complete_since(const struct audit_list *list, int64_t kept_since_ms);

#endif

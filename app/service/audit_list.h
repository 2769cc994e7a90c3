/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists the newest audit records of all shards (groups of Redis keys), newest first. Each shard has
 * its own log, so the logs are merged: a step reads some more records of each shard whose records
 * have all been merged. */
#ifndef SERVICE_AUDIT_LIST_H
#define SERVICE_AUDIT_LIST_H

#include "app/http/route.h"
#include "app/store/audit.h"
#include "app/store/keys.h"

/* A position in the merged log: the record with this id in the shard's log. A list from a cursor
 * has the records that are older than the cursor's. */
struct audit_cursor {
    char id[STREAM_ID_SIZE]; /* id of the record; empty: the list begins with the newest record */
    unsigned shard;
};

/* A cursor as text is the record's id and the shard in hexadecimal digits, such as
 * "1768471200000-0-2b". audit_cursor_parse returns false when the text is not a cursor. */
enum { AUDIT_CURSOR_SIZE = STREAM_ID_SIZE + 4 };
bool audit_cursor_parse(struct str text, struct audit_cursor *ret);
void audit_cursor_print(const struct audit_cursor *cursor, char ret[AUDIT_CURSOR_SIZE]);

struct audit_list_item {
    unsigned shard;
    struct audit_entry entry;
};

/* The largest number of records that one list with a filter examines. Without this limit a filter
 * that matches nothing would read the whole log. */
enum { AUDIT_LIST_SCAN_MAX = 20000 };

struct audit_list_shard {
    struct command *page_cmd; /* read of the shard's next page; NULL: none is in progress */
    /* the n records of the page, newest first; page[0 .. next - 1] have been merged */
    struct audit_entry *page;
    size_t n, next;
    bool exhausted; /* the shard's log has no records older than those of `page` */
};

struct audit_list {
    /* in: set by the caller */
    struct str user; /* filter by actor; empty: any. A student's id matches the pseudonym, too */
    struct str resource_type; /* filter by type of resource; empty: any */
    size_t limit;             /* largest number of records in the list */
    struct audit_cursor from; /* where the list begins */
    /* out: set when the last step ends without a problem */
    struct audit_list_item *items; /* the n listed records, newest first */
    size_t n;
    int64_t total;            /* number of records in the log; with a filter, of matches found */
    bool has_more;            /* there may be older records for another list */
    struct audit_cursor last; /* where the next list begins: the last record that was examined */
    /* internal to the implementation: callers do not use them */
    struct command *pseudonym_cmd;      /* reads the pseudonym of `user`; NULL: not in progress */
    struct command *count_cmds[SHARDS]; /* read the lengths of the logs; [0] NULL: done */
    /* how records name `user` as the actor. pseudonym_actor: "student:" and the pseudonym, if
     * `user` is a student, else empty. user_actor: if `user` is anybody else */
    struct str pseudonym_actor, user_actor;
    struct audit_list_shard shards[SHARDS];
    size_t scanned;   /* number of records examined so far */
    size_t page_size; /* number of records that a step reads from one shard */
    bool started;     /* the first step has run */
};

/* Runs the next step of the list. Call with the internal fields zeroed, then again after
 * each pipeline until STEP_DONE, which is also returned after a problem. */
enum step audit_list_step(struct audit_list *list, struct pipeline *pipeline, struct problem *p);

#endif

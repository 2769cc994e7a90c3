/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A page of the merged audit logs of all shards, newest record first. Each shard has its own log,
 * so a step reads some records of every shard whose records have all been merged. */
#ifndef SERVICE_AUDIT_LIST_H
#define SERVICE_AUDIT_LIST_H

#include "app/http/route.h"
#include "app/store/audit.h"
#include "app/store/keys.h"

/* A position in the merged log: that of a record; the page has the older ones. */
struct audit_cursor {
    char id[STREAM_ID_SIZE]; /* empty: before the newest */
    unsigned shard;
};

enum { AUDIT_CURSOR_SIZE = STREAM_ID_SIZE + 4 };
/* As text: the record's id and the shard in hexadecimal digits, 1768471200000-0-2b. */
bool audit_cursor_parse(struct str text, struct audit_cursor *ret);
void audit_cursor_print(const struct audit_cursor *cursor, char ret[AUDIT_CURSOR_SIZE]);

struct audit_list_item {
    unsigned shard;
    struct audit_entry entry;
};

/* Records that one page scans at most when there is a filter: a filter may match none. */
enum { AUDIT_LIST_SCAN_MAX = 20000 };

struct audit_list_shard {
    struct command *page_cmd; /* NULL: no page is being read */
    struct audit_entry *page; /* n records, newest first; those before next have been merged */
    size_t n, next;
    bool exhausted; /* there are no older records than these */
};

struct audit_list {
    /* in */
    struct str user; /* filter by actor; a student's id matches the pseudonym too; empty: any */
    struct str resource_type; /* filter; empty: any */
    size_t limit;
    struct audit_cursor from;
    /* out, at STEP_DONE without a problem */
    struct audit_list_item *items;
    size_t n;
    int64_t total;            /* records in all; with a filter, those found in the scan */
    bool has_more;            /* there may be older ones */
    struct audit_cursor last; /* for the next page: the last record that was scanned for this one */
    /* own */
    struct command *pseudonym_cmd, *count_cmds[SHARDS];
    struct str pseudonym_actor; /* student:PSEUDONYM of user, or empty */
    struct audit_list_shard shards[SHARDS];
    size_t scanned, page_size; /* page_size: records read from a shard in a step */
    bool started;
};

/* Call with its own fields zeroed; again after each pipeline until STEP_DONE. */
enum step audit_list_step(struct audit_list *list, struct pipeline *pipeline, struct problem *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The newest records of the audit logs of all shards, merged: a page of them, newest first. Every
 * round asks each shard whose records have been used up for some more. */
#ifndef SERVICE_AUDIT_LIST_H
#define SERVICE_AUDIT_LIST_H

#include "app/http/route.h"
#include "app/store/audit.h"
#include "app/store/keys.h"

/* A place in the merged log; what comes behind it is older. */
struct audit_cursor {
    char id[STREAM_ID_SIZE]; /* empty: before the newest */
    unsigned shard;
};

enum { AUDIT_CURSOR_SIZE = STREAM_ID_SIZE + 4 };
/* 1768471200000-0-2b */
bool audit_cursor_parse(struct str cursor, struct audit_cursor *ret);
void audit_cursor_print(const struct audit_cursor *place, char ret[AUDIT_CURSOR_SIZE]);

struct audit_list_item {
    unsigned shard;
    struct audit_entry entry;
};

/* With a filter so many records are looked through, at most. */
enum { AUDIT_LIST_SCAN_MAX = 20000 };

struct audit_list_shard {
    struct command *page_cmd;
    struct audit_entry *page;
    size_t n, next;
    bool exhausted; /* it has none behind these */
};

struct audit_list {
    /* in */
    struct str user; /* who acted: an id; empty: anybody. A student's stands for his pseudonym */
    struct str resource_type; /* empty: any */
    size_t limit;
    struct audit_cursor from;
    /* out, at STEP_DONE without a problem */
    struct audit_list_item *items;
    size_t n;
    int64_t total;            /* all there are; with a filter, those that were found */
    bool has_more;            /* there may be older ones, behind the place `last` */
    struct audit_cursor last; /* where the page ends */
    /* own */
    struct command *pseudonym_cmd, *count_cmds[SHARDS];
    struct str actor_text; /* student:PSEUDONYM, or empty */
    struct audit_list_shard shards[SHARDS];
    size_t scanned, page_size;
    bool started;
};

/* Call with its own fields zeroed; again after each round of asks until STEP_DONE. */
enum step audit_list_step(struct audit_list *l, struct pipeline *pipeline, struct problem *p);

#endif

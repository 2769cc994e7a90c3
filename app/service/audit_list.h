/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The newest records of the audit logs of all shards, merged: a page of them, newest first. Every
 * round asks each shard whose records have been used up for some more. */
#ifndef SERVICE_AUDIT_LIST_H
#define SERVICE_AUDIT_LIST_H

#include "app/http/route.h"
#include "app/store/audit.h"
#include "app/store/keys.h"

/* A place in the merged log; what comes behind it is older. */
struct audit_place {
    char id[STREAM_ID_SIZE]; /* empty: before the newest */
    unsigned shard;
};

enum { AUDIT_CURSOR_SIZE = STREAM_ID_SIZE + 4 };
/* 1768471200000-0-2b */
bool audit_place_read(struct str cursor, struct audit_place *ret);
void audit_place_print(const struct audit_place *place, char ret[AUDIT_CURSOR_SIZE]);

struct audit_found {
    unsigned shard;
    struct audit_entry entry;
};

/* With a filter so many records are looked through, at most. */
enum { AUDIT_LIST_SCAN_MAX = 20000 };

struct audit_list_shard {
    struct ask *asked;
    struct audit_entry *page;
    size_t n, next;
    bool ended; /* it has none behind these */
};

struct audit_list {
    /* in */
    struct str user; /* who acted: an id; empty: anybody. A student's stands for his pseudonym */
    struct str resource_type; /* empty: any */
    size_t limit;
    struct audit_place from;
    /* out, at STEP_DONE without a problem */
    struct audit_found *found;
    size_t n;
    int64_t total;           /* all there are; with a filter, those that were found */
    bool more;               /* there may be older ones, behind the place `last` */
    struct audit_place last; /* where the page ends */
    /* own */
    struct ask *pseudonym, *counts[SHARDS];
    struct str acting; /* student:PSEUDONYM, or empty */
    struct audit_list_shard shards[SHARDS];
    size_t looked_at, page_size;
    bool begun;
};

/* Call with its own fields zeroed; again after each round of asks until STEP_DONE. */
enum step audit_list_step(struct audit_list *l, struct asks *asks, struct problem *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Anchors of the audit log. Each shard of the audit log has a chain of seals (MACs over its
 * records); the MAC of the latest seal is the chain's head. An anchor is a head that the worker
 * wrote to its log, in a line with the event audit.anchor. A copy of that log outside Redis proves
 * that a chain was neither cut off nor rewritten. */
#ifndef CTL_AUDIT_ANCHORS_H
#define CTL_AUDIT_ANCHORS_H

#include "app/service/audit_chain.h"

/* A head of a shard's chain of seals, as the worker wrote it to its log. */
struct anchor {
    unsigned shard;
    int64_t number;             /* number of the seal in its shard's chain, from 1 */
    char head[AUDIT_HEAD_SIZE]; /* MAC of the seal `number`, in hexadecimal digits */
};

struct anchors {
    struct anchor *v; /* heads of chains, sorted by shard, then by number of the seal */
    size_t n, size;   /* number of anchors; number that v has room for */
};

/* Adds the anchors in the lines of a log file; the path "-" means standard input. Lines without an
 * anchor are skipped. False with errno; anchors_release is then still due. */
bool anchors_load(struct anchors *anchors, const char *path);

/* Frees the anchors, which are then empty. */
void anchors_release(struct anchors *anchors);
/* Returns the shard's anchor with the smallest number that is at least `number`; NULL when there is
 * none. */
const struct anchor *anchors_from(const struct anchors *anchors, unsigned shard, int64_t number);

#endif

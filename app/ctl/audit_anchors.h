/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heads of audit chains that the worker wrote to its log: lines with the event audit.anchor. A log
 * that is kept elsewhere proves that a chain was neither cut off nor rewritten. */
#ifndef CTL_AUDIT_ANCHORS_H
#define CTL_AUDIT_ANCHORS_H

#include "app/service/audit_chain.h"

struct anchor {
    unsigned shard;
    int64_t number;
    char head[AUDIT_HEAD_SIZE];
};

struct anchors {
    struct anchor *v; /* sorted by shard, then by number of the seal */
    size_t n, size;
};

/* Adds the anchors in the lines of a file, "-" for standard input. Other lines are skipped. False
 * with errno. */
bool anchors_load(struct anchors *anchors, const char *path);
void anchors_release(struct anchors *anchors);
/* The first of the shard from that number on; NULL when there is none. */
const struct anchor *anchors_from(const struct anchors *anchors, unsigned shard, int64_t number);

#endif

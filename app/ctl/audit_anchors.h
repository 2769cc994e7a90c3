/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heads of audit chains that are known from a log: lines with the event audit.anchor. */
#ifndef CTL_AUDIT_ANCHORS_H
#define CTL_AUDIT_ANCHORS_H

#include "app/service/audit_chain.h"

struct anchor {
    unsigned shard;
    int64_t number;
    char head[AUDIT_HEAD_SIZE];
};

struct anchors {
    struct anchor *v; /* by shard, then number */
    size_t n, size;
};

/* Adds those of a file, "-" for standard input; other lines are skipped. False with errno. */
bool anchors_load(struct anchors *anchors, const char *path);
void anchors_release(struct anchors *anchors);
/* The first of the shard from that number on; NULL when there is none. */
const struct anchor *anchors_from(const struct anchors *anchors, unsigned shard, int64_t number);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Anchors of the audit log. Each shard of the audit log has a chain of segments (packed records
 * with a MAC), and one of the seals of schema 1; the latest MAC is the chain's head. An anchor is a
 * head that the worker wrote to its log, in a line with the event audit.anchor. A copy of that log
 * outside Redis proves that a chain was neither cut off nor rewritten. */
#ifndef CTL_AUDIT_ANCHORS_H
#define CTL_AUDIT_ANCHORS_H

#include "app/service/audit_chain.h"

/* A head of a shard's chain, as the worker wrote it to its log. */
struct anchor {
    enum audit_chain chain;
    unsigned shard;
    int64_t number;             /* number of the seal or segment in its chain, from 1 */
    char head[AUDIT_HEAD_SIZE]; /* MAC in hexadecimal digits: 64 of a seal, 32 of a segment */
};

struct anchors {
    struct anchor *v; /* heads of chains, sorted by chain, shard, number */
    size_t n, size;   /* number of anchors; number that v has room for */
};

/* Adds the anchors in the lines of a log file; the path "-" means standard input. Lines without an
 * anchor are skipped. False with errno when reading fails or memory is exhausted; anchors_release
 * is then still due. */
bool anchors_load(struct anchors *anchors, const char *path);

/* Frees the anchors, which are then empty. */
void anchors_release(struct anchors *anchors);
/* Returns the anchor of the shard's chain with the smallest number that is at least `number`; NULL
 * when there is none. */
const struct anchor *anchors_from(const struct anchors *anchors, enum audit_chain chain,
                                  unsigned shard, int64_t number);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of store/batch share. */
#ifndef STORE_BATCH_INTERNAL_H
#define STORE_BATCH_INTERNAL_H

#include "app/store/batch.h"
#include "app/store/keys.h"

/* The fields of batch:{ID} that are told, in the order in which read_facts takes them. `caller` is
 * one more: the part whose job sees to the callback. */
#define BATCH_FIELDS(X)                                                                            \
    X("status")                                                                                    \
    X("priority")                                                                                  \
    X("total")                                                                                     \
    X("processed")                                                                                 \
    X("failed")                                                                                    \
    X("created")                                                                                   \
    X("started")                                                                                   \
    X("completed")                                                                                 \
    X("actor")                                                                                     \
    X("correlation")                                                                               \
    X("traceparent")                                                                               \
    X("callback")
#define BATCH_FIELD_ONE(name) +1
#define BATCH_FIELD_STR(name) STR_INIT(name),
enum { BATCH_FIELD_COUNT = 0 BATCH_FIELDS(BATCH_FIELD_ONE) };

void batch_put_keys(struct pipeline *a, struct str id, struct str ret_keys[BATCH_KEYS]);
/* The reply of HMGET with all facts. */
bool batch_parse_fields(const redisReply *reply, struct batch *ret, struct problem *p);
/* What is stated about a student: components, then weights, as decimals with a space behind each;
 * empty when nothing is. */
struct str batch_print_item(struct arena *arena, const struct batch_item *item);
bool batch_parse_item(struct str text, struct batch_item *ret);
/* A small reply that is a number. */
bool batch_parse_int(const struct command *command, int64_t *ret, struct problem *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A student's predictions in Redis: the last answer of each kind, for an hour, and the stream of
 * all that were made, from which their accuracy is told later. */
#ifndef STORE_PREDICTION_H
#define STORE_PREDICTION_H

#include "app/base/problem.h"
#include "app/store/store.h"

enum { PREDICTION_CACHE_TTL_S = 3600, PREDICTION_DAYS = 90, PREDICTIONS_READ_MAX = 1000 };

/* What is kept under a name, such as "7". What makes it still true is in its text, for the reader
 * to judge: Redis drops all of a student's together, an hour after the last one was kept. */
struct command *prediction_cmd_cached(struct pipeline *a, struct str student, struct str name);
/* *ret_text: p NULL when there is none. */
bool prediction_parse_cached(const struct command *command, struct str *ret_text,
                             struct problem *p);

struct prediction_record {
    int64_t made_at_ms;
    int32_t target_day; /* the day it is about */
    double score, lower, upper;
    struct str model;
    struct str intervention; /* on condition of which; empty: none */
};

/* Adds the record and keeps `text` as the last of that name, unless the student is gone by
 * now or has withdrawn consent. */
struct command *prediction_cmd_save(struct pipeline *a, struct str student,
                                    const struct prediction_record *record, struct str name,
                                    struct str text);
/* False with a problem when it was not kept by Redis's fault; the others are none. */
bool prediction_parse_save(const struct command *command, struct problem *p);

/* One entry of the stream, its fields as in struct stream_entry. False for what is none of ours. */
bool prediction_parse_fields(const redisReply *fields, struct prediction_record *ret);

/* The newest PREDICTIONS_READ_MAX. */
struct command *prediction_cmd_list(struct pipeline *a, struct str student);
/* Oldest first; texts point into the reply. An entry that is none of ours is an INTERNAL_ERROR. */
bool prediction_parse_list(const struct command *command, struct arena *arena,
                           struct prediction_record **ret, size_t *ret_count, struct problem *p);

#endif

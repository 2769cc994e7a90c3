/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A student's predictions in Redis: the latest of each kind, for an hour, and a stream of all, with
 * which their accuracy is measured when the predicted day has come. */
#ifndef STORE_PREDICTION_H
#define STORE_PREDICTION_H

#include "app/base/problem.h"
#include "app/store/pipeline.h"

enum { PREDICTION_CACHE_TTL_S = 3600, PREDICTION_DAYS = 90, PREDICTIONS_READ_MAX = 1000 };

/* Reads the latest prediction of a kind, such as "7". The text says which state it was made from,
 * so that the reader can judge it. All kinds of a student expire together, an hour after the
 * latest. */
struct command *prediction_cmd_cached(struct pipeline *pipeline, struct str student,
                                      struct str name);
/* *ret_text: p NULL if there is none. */
bool prediction_parse_cached(const struct command *command, struct str *ret_text,
                             struct problem *p);

struct prediction_record {
    int64_t made_at_ms;
    int32_t target_day; /* the predicted UTC day */
    double score, lower, upper;
    struct str model;
    struct str intervention; /* that the prediction assumes; empty: none */
};

/* Appends the record and stores `text` as the latest of the kind `name`, unless the student does
 * not exist any more or has withdrawn consent. */
struct command *prediction_cmd_save(struct pipeline *pipeline, struct str student,
                                    const struct prediction_record *record, struct str name,
                                    struct str text);
/* True also if the student was the reason not to save. */
bool prediction_parse_save(const struct command *command, struct problem *p);

/* Parses the fields of a stream entry (stream_entry.fields). False: they have another form. */
bool prediction_parse_fields(const redisReply *fields, struct prediction_record *ret);

/* Reads the newest PREDICTIONS_READ_MAX records. */
struct command *prediction_cmd_list(struct pipeline *pipeline, struct str student);
/* Oldest first. Texts point into the reply. An entry of another form is an INTERNAL_ERROR. */
bool prediction_parse_list(const struct command *command, struct arena *arena,
                           struct prediction_record **ret, size_t *ret_count, struct problem *p);

#endif

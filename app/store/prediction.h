/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A student's predictions in Redis: the latest of each kind as text, stored for an hour, and a
 * stream of records of all predictions. The records are used to measure how accurate predictions
 * were, when the predicted days have come. A kind has a name, such as "7" for seven days ahead. */
#ifndef STORE_PREDICTION_H
#define STORE_PREDICTION_H

#include "app/base/problem.h"
#include "app/store/pipeline.h"

enum {
    PREDICTION_CACHE_TTL_S = 3600, /* seconds for which the latest predictions are stored */
    PREDICTION_DAYS = 90,          /* days for which records are stored */
    PREDICTIONS_READ_MAX = 1000    /* largest number of records that one command reads */
};

/* Reads the latest prediction of the kind `name`. Its text says from which state of the student it
 * was made, so that the reader can see whether it is outdated. All kinds of a student expire
 * together, an hour after the latest was stored. */
struct command *prediction_cmd_cached(struct pipeline *pipeline, struct str student,
                                      struct str name);
/* Parses the reply to prediction_cmd_cached. *ret_text: the prediction; its p is NULL if there is
 * none. */
bool prediction_parse_cached(const struct command *command, struct str *ret_text,
                             struct problem *p);

/* A stored prediction, whose accuracy is measured when its day has come. */
struct prediction_record {
    int64_t made_at_ms;         /* when the prediction was made */
    int32_t target_day;         /* the predicted UTC day */
    double score, lower, upper; /* predicted score; lower and upper end of its interval; in [0,1] */
    struct str model;           /* name of the model that made the prediction */
    struct str intervention;    /* help for the student that the prediction assumes, such as
                                   tutoring; empty: none */
};

/* Stores `text` as the latest prediction of the kind `name`. Also appends the record, unless the
 * text has the same first line as the previous one, which means that both were made from the same
 * state. Does neither if the student does not exist any more or has withdrawn consent. */
struct command *prediction_cmd_save(struct pipeline *pipeline, struct str student,
                                    const struct prediction_record *record, struct str name,
                                    struct str text);
/* Parses the reply to prediction_cmd_save. Returns true even if nothing was stored because the
 * student is erased or has withdrawn consent; false means that the command failed. */
bool prediction_parse_save(const struct command *command, struct problem *p);

/* Parses the fields of one stored prediction (stream_entry.fields). Returns false if they have
 * another form. Texts point into the reply. */
bool prediction_parse_fields(const redisReply *fields, struct prediction_record *ret);

/* Reads the newest `count` records of the student, at most PREDICTIONS_READ_MAX. */
struct command *prediction_cmd_list(struct pipeline *pipeline, struct str student, int count);
/* Parses the reply to prediction_cmd_list into an array in the arena, oldest first. Texts point
 * into the reply. An entry of another form is an INTERNAL_ERROR. */
bool prediction_parse_list(const struct command *command, struct arena *arena,
                           struct prediction_record **ret, size_t *ret_count, struct problem *p);

#endif

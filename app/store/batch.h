/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Batches: the worker calculates the mastery of up to a thousand students, from stated components
 * or from what is stored. A batch has four keys: batch:{ID} (hash of BATCH_FIELDS), :students
 * (sorted set, by their position in the request), :items (hash: what is stated about each student
 * without a result) and :results (hash). A result is written once, even if a job runs twice, and
 * progress is the number of results. The sorted set `batches` has the ids of all batches by the
 * time of creation, so that erasing a student finds them.
 *
 * The work is divided into chunks of BATCH_CHUNK positions. BATCH_LANES chunks are queued at a
 * time: the job of a chunk, when done, queues the next chunk of its lane after all other jobs, so
 * that many batches progress together. */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include "app/store/batch_record.h"
#include "app/store/reply.h"

/* Creates the batch from created_ms, priority and the texts of `batch`, with its first jobs. A
 * batch with that id which exists already is left unchanged. */
struct command *batch_cmd_create(struct pipeline *pipeline, struct str id,
                                 const struct batch *batch, const struct batch_item *items,
                                 size_t n);
/* *ret_created: false if it existed. */
bool batch_parse_create(const struct command *command, bool *ret_created, struct problem *p);

struct command *batch_cmd_get(struct pipeline *pipeline, struct str id);
/* Texts point into the reply. */
bool batch_parse(const struct command *command, struct batch *ret, struct problem *p);

/* Sets the status to cancelled, unless the batch has ended. */
struct command *batch_cmd_cancel(struct pipeline *pipeline, struct str id, int64_t now_ms);
bool batch_parse_cancel(const struct command *command, bool *ret_changed, struct problem *p);

/* Sets the status to failed, unless the batch has ended: the job of the chunk that begins at `from`
 * can never succeed. */
struct command *batch_cmd_fail(struct pipeline *pipeline, struct str id, int64_t from,
                               int64_t now_ms);
/* *ret_callback_due: this chunk must send the callback, because of this command, or of an earlier
 * one whose worker died before it had sent the callback. */
bool batch_parse_fail(const struct command *command, bool *ret_changed, bool *ret_callback_due,
                      struct problem *p);

/* A result as stored. */
struct batch_result {
    struct str student;
    bool success;
    struct str text; /* the MasteryResult as JSON, or the message of the error */
};

/* A page of the results that exist, in the order of the request. */
struct command *batch_cmd_results(struct pipeline *pipeline, struct str id, int64_t offset,
                                  int64_t limit);
/* ret_results has room for limit results. *ret_exists false: there is no such batch. */
bool batch_parse_results(const struct command *command, size_t limit, bool *ret_exists,
                         int64_t *ret_total, struct batch_result *ret_results, size_t *ret_count,
                         struct problem *p);

/* ---- for the worker: batch_chunk.c ---- */

/* The state of a batch after a script of one of its chunks. */
struct batch_update {
    bool changed;       /* this script changed the status */
    bool callback_due;  /* the batch has ended, and this chunk must send the callback */
    struct batch batch; /* all fields */
};

/* Starts a chunk. A pending batch becomes processing. */
struct command *batch_cmd_start_chunk(struct pipeline *pipeline, struct str id, int64_t from,
                                      int64_t now_ms);
/* ret_items has room for BATCH_CHUNK items: the chunk's students without a result; none if the
 * batch has ended. */
bool batch_parse_start_chunk(const struct command *command, struct batch_update *ret,
                             struct batch_item *ret_items, size_t *ret_count, struct problem *p);

/* Stores results of the chunk, each unless there is one, and ends the batch with the last one. */
struct command *batch_cmd_save(struct pipeline *pipeline, struct str id, int64_t from,
                               int64_t created_ms, int64_t now_ms,
                               const struct batch_result *results, size_t n);
bool batch_parse_save(const struct command *command, struct batch_update *ret, struct problem *p);

/* ---- for erasing a student: batch_chunk.c ---- */

/* At most count ids of batches, newest first, after the first `offset`. */
struct command *batch_cmd_page(struct pipeline *pipeline, int64_t offset, int64_t count);
/* Replies a text if the student is in the batch, else nil. */
struct command *batch_cmd_has_student(struct pipeline *pipeline, struct str id, struct str student);
/* Removes the student's item and result from the batch. Replies 1 if the student was in it. */
struct command *batch_cmd_remove_student(struct pipeline *pipeline, struct str id,
                                         struct str student);

#endif

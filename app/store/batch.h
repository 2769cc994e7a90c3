/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A batch is a request to calculate the mastery of up to a thousand students, from components that
 * the client states or from the stored state. The worker does it in the background. A batch has
 * four keys in Redis: batch:{ID} (hash of BATCH_FIELDS), :students (sorted set of the students by
 * their position in the request), :items (hash: what is stated about each student without a result)
 * and :results (hash). A result is written once, even if a job runs twice; progress is the number
 * of results. The sorted set {ss}:student:ID:batches has the ids of a student's batches, so that an
 * export and an erasure find them.
 *
 * The work is divided into chunks of BATCH_CHUNK positions; each chunk is one job in the worker's
 * queue. At most BATCH_LANES chunks of a batch are queued at a time, one for each lane. When the
 * job of a chunk is done, it queues the next chunk of its lane at the end of the queue, so that
 * many batches progress together. */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include "app/store/batch_record.h"
#include "app/store/reply.h"

/* Creates the batch from created_ms, priority and the texts of `batch`, and queues its first jobs.
 * Does not change a batch that exists with this id already. n: number of items. Because these steps
 * concern several slots, the batch is in the list of unfinished changes (unfinished.h) until
 * batch_cmd_created, and the worker queues its jobs if they may be missing. */
struct command *batch_cmd_create(struct pipeline *pipeline, struct str id,
                                 const struct batch *batch, const struct batch_item *items,
                                 size_t n);
/* Parses the reply to batch_cmd_create. *ret_created: false if the batch existed already. */
bool batch_parse_create(const struct command *command, bool *ret_created, struct problem *p);

/* Ends the creation, once all replies to batch_cmd_create were successful: removes the batch from
 * the list of unfinished changes (unfinished.h). */
void batch_cmd_created(struct pipeline *pipeline, struct str id);
/* Queues the first jobs of an existing batch again (the first chunk of each lane), because they may
 * be missing: the process that created it may have died, or Redis lost data. A job that runs twice
 * does no harm, because a result is written once. */
void batch_cmd_queue_jobs(struct pipeline *pipeline, struct str id, const struct batch *batch);

/* Reads the fields of a batch: its status, the numbers of its students, its times and its request.
 */
struct command *batch_cmd_get(struct pipeline *pipeline, struct str id);
/* Parses the reply to batch_cmd_get. Texts point into the reply. ret->exists is false if there is
 * no such batch. */
bool batch_parse(const struct command *command, struct batch *ret, struct problem *p);

/* Ends the batch with the status cancelled, unless it has ended already. */
struct command *batch_cmd_cancel(struct pipeline *pipeline, struct str id, int64_t now_ms);
/* Parses the reply to batch_cmd_cancel. *ret_changed: whether this command ended the batch. */
bool batch_parse_cancel(const struct command *command, bool *ret_changed, struct problem *p);

/* Ends the batch with the status failed, unless it has ended already. The job of the chunk that
 * begins at position `from` does this when the chunk can never succeed. */
struct command *batch_cmd_fail(struct pipeline *pipeline, struct str id, int64_t from,
                               int64_t now_ms);
/* Parses the reply to batch_cmd_fail. *ret_changed: whether this command ended the batch.
 * *ret_callback_due: whether the job of this chunk must send the callback, because this command
 * ended the batch, or an earlier one for the same chunk did, whose worker died before it had sent
 * the callback. */
bool batch_parse_fail(const struct command *command, bool *ret_changed, bool *ret_callback_due,
                      struct problem *p);

/* The stored result of one student. */
struct batch_result {
    struct str student;
    bool success;    /* false: the calculation failed for this student */
    struct str text; /* the MasteryResult as JSON, or the message of the error */
};

/* Reads a page of the existing results, in the order of the request: at most `limit`, after the
 * first `offset`. */
struct command *batch_cmd_results(struct pipeline *pipeline, struct str id, int64_t offset,
                                  int64_t limit);
/* Parses the reply to batch_cmd_results. *ret_exists: whether there is such a batch. *ret_total:
 * number of results that exist in all. ret_results has room for `limit` results; *ret_count is the
 * number of those on the page. */
bool batch_parse_results(const struct command *command, size_t limit, bool *ret_exists,
                         int64_t *ret_total, struct batch_result *ret_results, size_t *ret_count,
                         struct problem *p);

/* ---- for the worker: batch_chunk.c ---- */

/* A batch after batch_cmd_start_chunk or batch_cmd_save, the commands about one chunk (up to
 * BATCH_CHUNK students that one job calculates). */
struct batch_update {
    bool changed;       /* the command has changed the status of the batch */
    bool callback_due;  /* the batch has ended, and this chunk must send the callback */
    struct batch batch; /* the batch with all its fields */
};

/* Starts the chunk (the students that one job calculates) at position `from`. The batch's status
 * pending becomes processing. */
struct command *batch_cmd_start_chunk(struct pipeline *pipeline, struct str id, int64_t from,
                                      int64_t now_ms);
/* Parses the reply to batch_cmd_start_chunk. ret_items has room for BATCH_CHUNK items. It receives
 * the chunk's students that have no result yet, or none if the batch has ended. */
bool batch_parse_start_chunk(const struct command *command, struct batch_update *ret,
                             struct batch_item *ret_items, size_t *ret_count, struct problem *p);

/* Stores the results of students of the chunk at position `from`, n <= BATCH_CHUNK. A student that
 * has a result keeps it. The batch ends when every student has a result. created_ms: time at which
 * the batch was created, from which the expiry of its results is computed. */
struct command *batch_cmd_save(struct pipeline *pipeline, struct str id, int64_t from,
                               int64_t created_ms, int64_t now_ms,
                               const struct batch_result *results, size_t n);
/* Parses the reply to batch_cmd_save: the batch after the results were stored. */
bool batch_parse_save(const struct command *command, struct batch_update *ret, struct problem *p);

/* ---- for erasing and exporting a student: batch_chunk.c ---- */

/* What a batch stores about one student. */
struct batch_student {
    bool exists;            /* the student is in the batch */
    struct batch_item item; /* what the client has stated; only as long as there is no result */
    bool has_result;
    struct batch_result result;
};
/* Queues three commands that read what the batch stores about the student: position, item and
 * result. */
void batch_cmd_get_student(struct pipeline *pipeline, struct str id, struct str student);
/* Parses the replies of *command and of the two commands after it, and moves *command past all
 * three. An item that cannot be parsed is no error, because the result can still be used. */
bool batch_parse_student(const struct command **command, struct batch_student *ret,
                         struct problem *p);

/* Reads whether the student is in the batch: the reply is a text if so, else nil. */
struct command *batch_cmd_has_student(struct pipeline *pipeline, struct str id, struct str student);
/* Removes the student's item and result from the batch. The reply is 1 if the student was in it. */
struct command *batch_cmd_remove_student(struct pipeline *pipeline, struct str id,
                                         struct str student);

#endif

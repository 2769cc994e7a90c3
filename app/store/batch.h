/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Batches: up to a thousand students whose mastery is stated, or made again from what is stored, by
 * the worker. A batch is four keys: batch:{ID} what is known of it, :students (sorted set, by their
 * position in the request), :items (hash, what is stated about each that has no result yet),
 * :results (hash, one for each that is done). A result is written once, whoever brings it again,
 * and progress is the number of results. All batches stand in the sorted set `batches`, by the time
 * they were made, so that erasing a student finds them.
 *
 * The work is shared out in parts of BATCH_CHUNK positions, BATCH_LANES of them at a time: the job
 * of a part puts that of the lane's next part behind all other jobs when it ends, so that many
 * batches get on side by side. */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include "app/base/problem.h"
#include "app/domain/mastery.h"
#include "app/store/queue.h"
#include "app/store/reply.h"

enum { BATCH_STUDENTS_MAX = 1000, BATCH_CHUNK = 64, BATCH_LANES = 4, BATCH_ID_SIZE = 33 };
#define BATCH_TTL_MS (7 * DAY_MS)

enum batch_status {
    BATCH_PENDING,
    BATCH_PROCESSING,
    BATCH_COMPLETED,
    BATCH_FAILED, /* none of its students succeeded, or it was given up */
    BATCH_CANCELLED,
    BATCH_STATUSES
};
extern const char *const batch_status_names[BATCH_STATUSES + 1]; /* ends with NULL */
extern const char
    *const batch_priority_names[QUEUE_PRIORITIES + 1]; /* the same; by queue_priority */

static inline bool batch_ended(enum batch_status status)
{
    return status >= BATCH_COMPLETED;
}

/* What is to be done for one student. */
struct batch_item {
    struct str student;
    bool stated; /* false: the result is made again from what is stored */
    double components[COMPONENTS];
    bool own_weights;
    double weights[COMPONENTS];
};

struct batch {
    bool exists;
    enum batch_status status;
    enum queue_priority priority;
    int64_t total, processed, failed;
    int64_t created_ms, started_ms, completed_ms;  /* 0: not yet */
    struct str actor, correlation_id, traceparent; /* of the request that made it */
    struct str callback_url;                       /* may be empty */
};

/* Makes the batch (created_ms, priority and the texts of b count) and its first jobs. One that is
 * there already stays as it is. */
struct command *batch_cmd_create(struct pipeline *a, struct str id, const struct batch *b,
                                 const struct batch_item *items, size_t n);
/* Whether it was made now. */
bool batch_parse_create(const struct command *command, bool *ret_made, struct problem *p);

struct command *batch_cmd_get(struct pipeline *a, struct str id);
/* Texts point into the reply. */
bool batch_parse(const struct command *command, struct batch *ret, struct problem *p);

/* Status cancelled, unless it has ended. */
struct command *batch_cmd_cancel(struct pipeline *a, struct str id, int64_t now_ms);
/* Whether it has changed. */
bool batch_parse_cancel(const struct command *command, bool *ret_changed, struct problem *p);

/* Status failed, unless it has ended: the job of the part from there on will never succeed. */
struct command *batch_cmd_fail(struct pipeline *a, struct str id, int64_t from, int64_t now_ms);
/* Whether it has changed, and whether this part is the one to see to the callback: by this, or by
 * an earlier try whose worker died over it. */
bool batch_parse_fail(const struct command *command, bool *ret_changed, bool *ret_must_call,
                      struct problem *p);

/* A result as stored: the MasteryResult, or why there is none. */
struct batch_result {
    struct str student;
    bool success;
    struct str text; /* JSON of the result; message of the error */
};

/* A page of the results there are so far, in the order of the request. */
struct command *batch_cmd_results(struct pipeline *a, struct str id, int64_t offset, int64_t limit);
/* ret_results has room for the page. exists false: there is no such batch. */
bool batch_parse_results(const struct command *command, size_t limit, bool *ret_exists,
                         int64_t *ret_total, struct batch_result *ret_results, size_t *ret_count,
                         struct problem *p);

/* ---- for the worker ---- */

/* The body of the job that does the part beginning at this position: {"batch":ID,"from":N}. */
struct str batch_job_body(struct arena *arena, struct str id, int64_t from);

/* What a job must know of its batch when a script has looked at it, or changed it. */
struct batch_update {
    bool changed;       /* the status has changed by this very script */
    bool callback_due;  /* it has ended, and the caller's part is the one to see to the callback */
    struct batch batch; /* without the totals and the texts of no use to a part */
};

/* Begins a part: a pending batch is processing from now on. */
struct command *batch_cmd_start_chunk(struct pipeline *a, struct str id, int64_t from,
                                      int64_t now_ms);
/* ret_items has room for BATCH_CHUNK: those of the part that have no result yet; none when the
 * batch has ended. */
bool batch_parse_start_chunk(const struct command *command, struct batch_update *ret,
                             struct batch_item *ret_items, size_t *ret_count, struct problem *p);

/* Keeps results of the part, each once, and ends the batch with the last one. */
struct command *batch_cmd_save(struct pipeline *a, struct str id, int64_t from, int64_t created_ms,
                               int64_t now_ms, const struct batch_result *results, size_t n);
bool batch_parse_save(const struct command *command, struct batch_update *ret, struct problem *p);

/* ---- for erasing a student ---- */

/* Ids of batches, the newest first: so many behind the first `offset`. */
struct command *batch_cmd_page(struct pipeline *a, int64_t offset, int64_t count);
/* A text when the student is in the batch, else nil. */
struct command *batch_cmd_has_student(struct pipeline *a, struct str id, struct str student);
/* Takes the student out of the batch: out of what is to be done, and of what was. 1 if it was in.
 */
struct command *batch_cmd_remove_student(struct pipeline *a, struct str id, struct str student);

#endif

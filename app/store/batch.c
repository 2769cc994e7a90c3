/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands of the API on a batch, which calculates the mastery of many students in the background:
 * create, read, cancel, results. The commands of the worker's jobs are in batch_chunk.c, the stored
 * form of a batch in batch_record.c. */
#include "app/store/batch.h"

#include "app/base/clock.h"
#include "app/store/unfinished.h"

/* CREATE_ARGS: number of arguments of the script batch_create before those of the students. They
 * are the expiry of the keys, the number of arguments for each student, and CREATE_FIELDS fields of
 * the batch, each a name and a value. */
enum { CREATE_FIELDS = 6, CREATE_ARGS = 2 + 2 * CREATE_FIELDS };

/* ---- creating ---- */

/* Adds the batch to the sorted set of all batches, and removes expired batches from the set. */
static void batch_cmd_list(struct pipeline *pipeline, struct str id, int64_t now_ms)
{
    struct arena *arena = pipeline->arena;

    (void)pipeline_add(pipeline, COMMAND_WRITE, 4,
                       (struct str[]){STR("ZADD"), key_batches, command_int(arena, now_ms), id});
    (void)pipeline_add(pipeline, COMMAND_WRITE, 4,
                       (struct str[]){STR("ZREMRANGEBYSCORE"), key_batches, STR("-inf"),
                                      command_int(arena, now_ms - BATCH_TTL_MS)});
}

/* Adds the batch to the index of each of its students (the student's set of batches), by one small
 * script for each student, because their keys are in many slots. For a batch of a thousand students
 * these scripts take Redis about 10 ms in all, but none blocks it for long. */
static void batch_register_students(struct pipeline *pipeline, struct str id, int64_t expiry_ms,
                                    const struct batch_item *items, size_t n)
{
    struct arena *arena = pipeline->arena;
    struct str expiry = command_int(arena, expiry_ms);

    for (size_t i = 0; i < n; i++) {
        (void)pipeline_add_script(
            pipeline, &script_batch_register, 2, 4,
            (struct str[]){key_student(arena, items[i].student, STUDENT_KEY_BATCHES),
                           key_student(arena, items[i].student, STUDENT_KEY_ERASED), id, expiry});
    }
}

/* Queues the first job of each lane: one job for each of the first BATCH_LANES chunks. Each job
 * calculates one chunk (BATCH_CHUNK students) and then queues the next chunk of its lane. A batch
 * of few students (n) has fewer lanes. */
static void batch_queue_jobs(struct pipeline *pipeline, struct str id, enum queue_priority priority,
                             int64_t n)
{
    for (int64_t from = 0; from < (int64_t)BATCH_LANES * BATCH_CHUNK && from < n;
         from += BATCH_CHUNK)
        queue_cmd_add(pipeline, priority, STR("batch"), batch_job_body(pipeline->arena, id, from));
}

void batch_cmd_queue_jobs(struct pipeline *pipeline, struct str id, const struct batch *batch)
{
    batch_queue_jobs(pipeline, id, batch->priority, batch->total);
}

void batch_cmd_created(struct pipeline *pipeline, struct str id)
{
    unfinished_cmd_remove(pipeline, UNFINISHED_BATCH, id);
}

/* Returns an optional text, or "" if the request had none. An absent text has a NULL p, which in an
 * argument would count as out of memory and fail the pipeline. */
static struct str batch_text(struct str text)
{
    return text.n > 0 ? text : STR("");
}

/* Steps: adds the batch to the list of unfinished changes (so that a worker queues its jobs if this
 * process dies before it has done so) and to the list of all batches, adds it to the indexes of its
 * students, creates it, queues its jobs. The indexes are written before the batch because of
 * erasures: an erasure that does not find the batch in the index has run before the batch existed,
 * and the worker then removes the student (job_batch.c). For each student the script has two
 * arguments (id and item) when the client has stated components, else only the id. Either all items
 * are stated or none. */
struct command *batch_cmd_create(struct pipeline *pipeline, struct str id,
                                 const struct batch *batch, const struct batch_item *items,
                                 size_t n)
{
    struct arena *arena = pipeline->arena;
    bool stated = n > 0 && items[0].stated;
    int argc = BATCH_KEYS + CREATE_ARGS + (int)n * (stated ? 2 : 1);
    struct str *argv = arena_array(arena, (size_t)argc, sizeof(*argv)), *arg;
    const struct str first_args[CREATE_ARGS] = {
        command_int(arena, (batch->created_ms + BATCH_TTL_MS) / 1000),
        stated ? STR("2") : STR("1"),
        STR("priority"),
        str_of(batch_priority_names[batch->priority]),
        STR("created"),
        command_int(arena, batch->created_ms),
        STR("actor"),
        batch->actor,
        STR("correlation"),
        batch->correlation_id,
        STR("traceparent"),
        batch_text(batch->traceparent),
        STR("callback"),
        batch_text(batch->callback_url),
    };
    struct command *command;

    if (!argv) {
        argc = 0; /* out of memory: a script without arguments fails the pipeline */
    } else {
        batch_put_keys(arena, id, argv);
        arg = mempcpy(argv + BATCH_KEYS, first_args, sizeof(first_args));
        for (size_t i = 0; i < n; i++) {
            *arg++ = items[i].student;
            if (stated)
                *arg++ = batch_print_item(arena, &items[i]);
        }
    }
    unfinished_cmd_add(pipeline, UNFINISHED_BATCH, id);
    batch_cmd_list(pipeline, id, batch->created_ms);
    batch_register_students(pipeline, id, batch->created_ms + BATCH_TTL_MS, items, n);
    command = pipeline_add_script(pipeline, &script_batch_create, BATCH_KEYS, argc, argv);
    batch_queue_jobs(pipeline, id, batch->priority, (int64_t)n);
    return command;
}

bool batch_parse_create(const struct command *command, bool *ret_created, struct problem *p)
{
    int64_t created = 0;
    bool ok = reply_expect_int(command->reply, &created, p);

    *ret_created = created == 1;
    return ok;
}

/* ---- reading ---- */

/* Reads all fields with one HMGET, in the order of BATCH_FIELDS, on which batch_parse_fields
 * relies. */
struct command *batch_cmd_get(struct pipeline *pipeline, struct str id)
{
    static const struct str names[] = {BATCH_FIELDS(BATCH_FIELD_STR)};
    struct str argv[2 + BATCH_FIELD_COUNT] = {STR("HMGET"),
                                              key_batch(pipeline->arena, id, BATCH_KEY_STATE)};

    memcpy(argv + 2, names, sizeof(names));
    return pipeline_add(pipeline, COMMAND_READ, 2 + BATCH_FIELD_COUNT, argv);
}

bool batch_parse(const struct command *command, struct batch *ret, struct problem *p)
{
    return batch_parse_fields(command->reply, ret, p);
}

/* ---- ending early ---- */

/* Calls batch_end.lua without a chunk, because no job calls it. The callback (the POST to the
 * client's URL) is sent by the first job that later finds that the batch has ended. */
struct command *batch_cmd_cancel(struct pipeline *pipeline, struct str id, int64_t now_ms)
{
    return pipeline_add_script(pipeline, &script_batch_end, 1, 3,
                               (struct str[]){key_batch(pipeline->arena, id, BATCH_KEY_STATE),
                                              command_int(pipeline->arena, now_ms),
                                              str_of(batch_status_names[BATCH_CANCELLED])});
}

/* Calls batch_end.lua with the chunk at position `from`, whose job is calling: the batch remembers
 * that this job sends the callback (the POST to the client's URL). */
struct command *batch_cmd_fail(struct pipeline *pipeline, struct str id, int64_t from,
                               int64_t now_ms)
{
    return pipeline_add_script(pipeline, &script_batch_end, 1, 4,
                               (struct str[]){key_batch(pipeline->arena, id, BATCH_KEY_STATE),
                                              command_int(pipeline->arena, now_ms),
                                              str_of(batch_status_names[BATCH_FAILED]),
                                              command_int(pipeline->arena, from)});
}

/* The reply is 1 when this command has ended the batch; 2 when the batch had ended before, and this
 * chunk is the one that sends the callback (the POST to the client's URL); 0 when it had ended
 * before, and this chunk does not send the callback; -1 when there is no such batch. Without a
 * number in the reply both results are false. */
bool batch_parse_fail(const struct command *command, bool *ret_changed, bool *ret_callback_due,
                      struct problem *p)
{
    int64_t outcome = 0;
    bool ok = reply_expect_int(command->reply, &outcome, p);

    *ret_changed = outcome == 1;
    *ret_callback_due = outcome > 0;
    return ok;
}

/* Both commands use the same script, so its reply is parsed by batch_parse_fail. That function also
 * returns whether the callback (the POST to the client's URL) is due, which is ignored here: only
 * jobs of the worker send callbacks. */
bool batch_parse_cancel(const struct command *command, bool *ret_changed, struct problem *p)
{
    bool unused_callback_due;

    return batch_parse_fail(command, ret_changed, &unused_callback_due, p);
}

/* ---- results ---- */

/* Calls a script that reads the batch's state, students and results in one step, so that they fit
 * together. */
struct command *batch_cmd_results(struct pipeline *pipeline, struct str id, int64_t offset,
                                  int64_t limit)
{
    struct arena *arena = pipeline->arena;
    struct str argv[] = {
        key_batch(arena, id, BATCH_KEY_STATE),
        key_batch(arena, id, BATCH_KEY_STUDENTS),
        key_batch(arena, id, BATCH_KEY_RESULTS),
        command_int(arena, offset),
        command_int(arena, limit),
    };

    return pipeline_add_read_script(pipeline, &script_batch_results, 3, 5, argv);
}

/* Parses the result of one student. Its stored form is '+' and the MasteryResult as JSON, or '-'
 * and the message of the error. Returns false if it has another form. */
static bool batch_parse_result(const redisReply *student, const redisReply *text,
                               struct batch_result *ret)
{
    struct str stored;

    if (reply_text(student, &ret->student) != REPLY_OK || reply_text(text, &stored) != REPLY_OK ||
        stored.n == 0 || (stored.p[0] != '+' && stored.p[0] != '-'))
        return false;
    ret->success = stored.p[0] == '+';
    ret->text = (struct str){stored.p + 1, stored.n - 1};
    return true;
}

/* The reply is nil when there is no such batch. A result or total that cannot be parsed sets
 * p->code, so that the last line returns false. */
bool batch_parse_results(const struct command *command, size_t limit, bool *ret_exists,
                         int64_t *ret_total, struct batch_result *ret_results, size_t *ret_count,
                         struct problem *p)
{
    const redisReply *reply = command->reply; /* [total, student, result, student, result, ...] */
    enum reply_result result;
    size_t n;

    *ret_count = 0;
    result = reply_array(reply, 1 + 2 * limit, &n);
    *ret_exists = result != REPLY_MISSING;
    if (result == REPLY_MISSING)
        return true;
    if (result != REPLY_OK || n % 2 != 1) {
        reply_problem(reply, p);
        return false;
    }
    if (reply_count(reply_at(reply, 0), ret_total) != REPLY_OK)
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    for (size_t i = 1; i < n; i += 2) {
        if (!batch_parse_result(reply_at(reply, i), reply_at(reply, i + 1),
                                &ret_results[(*ret_count)++]))
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    }
    return p->code == PROBLEM_NONE;
}

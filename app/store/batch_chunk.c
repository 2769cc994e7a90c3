/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands on a batch (many students whose mastery is calculated in the background) that are used
 * by the jobs of its chunks, and by the erasure of a student. A chunk is a range of BATCH_CHUNK
 * students by their positions in the request. Two workers may run the same job when one of them was
 * believed dead; the scripts write each result only once. */
#include "app/base/clock.h"
#include "app/store/batch.h"

/* Calls batch_start_chunk.lua. The sorted set of students has their positions as scores, so a chunk
 * is the range of scores from `from` to from + BATCH_CHUNK - 1. */
struct command *batch_cmd_start_chunk(struct pipeline *pipeline, struct str id, int64_t from,
                                      int64_t now_ms)
{
    struct str argv[BATCH_KEYS + 3];

    batch_put_keys(pipeline->arena, id, argv);
    argv[BATCH_KEYS] = command_int(pipeline->arena, now_ms);
    argv[BATCH_KEYS + 1] = command_int(pipeline->arena, from);
    argv[BATCH_KEYS + 2] = command_int(pipeline->arena, from + BATCH_CHUNK);
    return pipeline_add_script(pipeline, &script_batch_start_chunk, BATCH_KEYS, BATCH_KEYS + 3,
                               argv);
}

/* Parses all but the last element of the reply to batch_start_chunk.lua or batch_save.lua: [1 if
 * the script has changed the status, 1 if this chunk must send the callback, fields of the batch,
 * list]. The caller parses the list. */
static bool batch_parse_update(const redisReply *reply, struct batch_update *ret, struct problem *p)
{
    int64_t changed = 0, callback_due = 0;
    size_t n;

    *ret = (struct batch_update){0};
    if (reply_array(reply, 4, &n) != REPLY_OK || n != 4 ||
        reply_int(reply_at(reply, 0), &changed) != REPLY_OK ||
        reply_int(reply_at(reply, 1), &callback_due) != REPLY_OK) {
        reply_problem(reply, p);
        return false;
    }
    ret->changed = changed == 1;
    ret->callback_due = callback_due == 1;
    return batch_parse_fields(reply_at(reply, 2), &ret->batch, p);
}

/* Parses the first three elements of the reply by batch_parse_update, then the items, the fourth.
 * An item of another form sets the problem, and the function returns false after the loop. */
bool batch_parse_start_chunk(const struct command *command, struct batch_update *ret,
                             struct batch_item *ret_items, size_t *ret_count, struct problem *p)
{
    const redisReply *list = reply_at(command->reply, 3); /* student, item, student, item, ... */
    struct str text;
    size_t n;

    *ret_count = 0;
    if (!batch_parse_update(command->reply, ret, p))
        return false;
    if (reply_array(list, (size_t)2 * BATCH_CHUNK, &n) != REPLY_OK || n % 2 != 0) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    for (size_t i = 0; i < n; i += 2) {
        struct batch_item *item = &ret_items[(*ret_count)++];

        if (reply_text(reply_at(list, i), &item->student) != REPLY_OK ||
            reply_text(reply_at(list, i + 1), &text) != REPLY_OK || !batch_parse_item(text, item))
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    }
    return p->code == PROBLEM_NONE;
}

/* Passes id and stored result of each student to batch_save.lua. A stored result is '+' and the
 * MasteryResult as JSON, or '-' and the error message. argv has room for n <= BATCH_CHUNK results.
 */
struct command *batch_cmd_save(struct pipeline *pipeline, struct str id, int64_t from,
                               int64_t created_ms, int64_t now_ms,
                               const struct batch_result *results, size_t n)
{
    enum { FIXED = BATCH_KEYS + 3 }; /* keys and arguments before the results */
    struct arena *arena = pipeline->arena;
    struct str argv[FIXED + 2 * BATCH_CHUNK], *arg = argv + FIXED;

    batch_put_keys(arena, id, argv);
    argv[BATCH_KEYS] = command_int(arena, now_ms);
    argv[BATCH_KEYS + 1] = command_int(arena, from);
    argv[BATCH_KEYS + 2] = command_int(arena, (created_ms + BATCH_TTL_MS) / 1000);
    for (const struct batch_result *result = results; result < results + n; result++) {
        *arg++ = result->student;
        /* Without memory the text is absent (p is NULL), which as an argument fails the pipeline.
         */
        *arg++ = result->text.p ? arena_printf(arena, "%c%.*s", result->success ? '+' : '-',
                                               STR_ARG(result->text))
                                : result->text;
    }
    return pipeline_add_script(pipeline, &script_batch_save, BATCH_KEYS, (int)(arg - argv), argv);
}

bool batch_parse_save(const struct command *command, struct batch_update *ret, struct problem *p)
{
    return batch_parse_update(command->reply, ret, p);
}

/* ---- erasing a student ---- */

/* Reads the student's position in the request; nil if the student is not in the batch. */
struct command *batch_cmd_has_student(struct pipeline *pipeline, struct str id, struct str student)
{
    struct str key = key_batch(pipeline->arena, id, BATCH_KEY_STUDENTS);

    return pipeline_add(pipeline, COMMAND_READ, 3, (struct str[]){STR("ZSCORE"), key, student});
}

/* Reads whether the student is in the batch, then the student's item and result. */
void batch_cmd_get_student(struct pipeline *pipeline, struct str id, struct str student)
{
    static const enum batch_key keys[] = {BATCH_KEY_ITEMS, BATCH_KEY_RESULTS};

    (void)batch_cmd_has_student(pipeline, id, student);
    for (size_t i = 0; i < 2; i++)
        (void)pipeline_add(
            pipeline, COMMAND_READ, 3,
            (struct str[]){STR("HGET"), key_batch(pipeline->arena, id, keys[i]), student});
}

bool batch_parse_student(const struct command **command, struct batch_student *ret,
                         struct problem *p)
{
    struct str texts[3] = {{0}}; /* the student's position, item and result */

    *ret = (struct batch_student){.exists = false};
    for (size_t i = 0; i < 3; i++, *command = (*command)->next) {
        if (!reply_expect_text_or_nil((*command)->reply, &texts[i], p))
            return false;
    }
    ret->exists = texts[0].p != NULL;
    if (texts[1].p)
        (void)batch_parse_item(texts[1], &ret->item);
    ret->has_result = texts[2].n > 0;
    if (ret->has_result)
        ret->result = (struct batch_result){.success = texts[2].p[0] == '+',
                                            .text = {texts[2].p + 1, texts[2].n - 1}};
    return true;
}

/* Calls batch_remove_student.lua, which also updates the batch's numbers of students (total,
 * processed, failed). */
struct command *batch_cmd_remove_student(struct pipeline *pipeline, struct str id,
                                         struct str student)
{
    struct str argv[BATCH_KEYS + 1];

    batch_put_keys(pipeline->arena, id, argv);
    argv[BATCH_KEYS] = student;
    return pipeline_add_script(pipeline, &script_batch_remove_student, BATCH_KEYS, BATCH_KEYS + 1,
                               argv);
}

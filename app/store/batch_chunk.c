/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/batch.h"

#include "app/base/buf.h"
#include "app/base/clock.h"
#include "app/store/batch_internal.h"

static struct str number(struct pipeline *a, int64_t value)
{
    return arena_printf(a->arena, "%lld", (long long)value);
}

void batch_put_keys(struct pipeline *a, struct str id, struct str ret_keys[BATCH_KEYS])
{
    for (int key = 0; key < BATCH_KEYS; key++)
        ret_keys[key] = key_batch(a->arena, id, (enum batch_key)key);
}

/* ---- items ---- */

struct str batch_print_item(struct arena *arena, const struct batch_item *item)
{
    struct buf out;

    buf_init(&out, arena);
    (void)buf_reserve(&out, 192);
    for (int i = 0; i < COMPONENTS; i++) {
        buf_number(&out, item->components[i]);
        buf_char(&out, ' ');
    }
    for (int i = 0; item->own_weights && i < COMPONENTS; i++) {
        buf_number(&out, item->weights[i]);
        buf_char(&out, ' ');
    }
    return out.failed ? (struct str){0} : buf_view(&out);
}

static bool read_numbers(struct str *text, double ret[COMPONENTS])
{
    for (int i = 0; i < COMPONENTS; i++) {
        if (!str_to_double(str_cut(text, ' '), &ret[i]) || ret[i] < 0 || ret[i] > 1)
            return false;
    }
    return true;
}

bool batch_parse_item(struct str text, struct batch_item *ret)
{
    ret->stated = text.n > 0;
    if (!ret->stated)
        return true;
    if (!read_numbers(&text, ret->components))
        return false;
    ret->own_weights = text.n > 0;
    return !ret->own_weights || (read_numbers(&text, ret->weights) && text.n == 0);
}

/* ---- parts ---- */

struct str batch_job_body(struct arena *arena, struct str id, int64_t from)
{
    return arena_printf(arena, "{\"batch\":\"%.*s\",\"from\":%lld}", STR_ARG(id), (long long)from);
}

struct command *batch_cmd_start_chunk(struct pipeline *a, struct str id, int64_t from,
                                      int64_t now_ms)
{
    struct str argv[BATCH_KEYS + 3];

    batch_put_keys(a, id, argv);
    argv[BATCH_KEYS] = number(a, now_ms);
    argv[BATCH_KEYS + 1] = number(a, from);
    argv[BATCH_KEYS + 2] = number(a, from + BATCH_CHUNK);
    return pipeline_add_script(a, &script_batch_start_chunk, BATCH_KEYS, BATCH_KEYS + 3, argv);
}

static bool read_turn(const redisReply *r, struct batch_update *ret, struct problem *p)
{
    int64_t changed = 0, must_call = 0;
    size_t n;

    *ret = (struct batch_update){0};
    if (reply_array(r, 4, &n) != REPLY_OK || n != 4 ||
        reply_int(reply_at(r, 0), &changed) != REPLY_OK ||
        reply_int(reply_at(r, 1), &must_call) != REPLY_OK) {
        reply_problem(r, p);
        return false;
    }
    ret->changed = changed == 1;
    ret->callback_due = must_call == 1;
    return batch_parse_fields(reply_at(r, 2), &ret->batch, p);
}

bool batch_parse_start_chunk(const struct command *command, struct batch_update *ret,
                             struct batch_item *ret_items, size_t *ret_count, struct problem *p)
{
    const redisReply *list = reply_at(command->reply, 3);
    struct str item;
    size_t n;

    *ret_count = 0;
    if (!read_turn(command->reply, ret, p))
        return false;
    if (reply_array(list, (size_t)2 * BATCH_CHUNK, &n) != REPLY_OK || n % 2 != 0) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    for (size_t i = 0; i < n; i += 2) {
        struct batch_item *to = &ret_items[(*ret_count)++];

        if (reply_text(reply_at(list, i), &to->student) != REPLY_OK ||
            reply_text(reply_at(list, i + 1), &item) != REPLY_OK || !batch_parse_item(item, to))
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    }
    return p->code == PROBLEM_NONE;
}

struct command *batch_cmd_save(struct pipeline *a, struct str id, int64_t from, int64_t created_ms,
                               int64_t now_ms, const struct batch_result *results, size_t n)
{
    enum { HEAD = BATCH_KEYS + 3 };
    struct str argv[HEAD + 2 * BATCH_CHUNK];

    batch_put_keys(a, id, argv);
    argv[BATCH_KEYS] = number(a, now_ms);
    argv[BATCH_KEYS + 1] = number(a, from);
    argv[BATCH_KEYS + 2] = number(a, (created_ms + BATCH_TTL_MS) / 1000);
    for (size_t i = 0; i < n; i++) {
        argv[HEAD + 2 * i] = results[i].student;
        argv[HEAD + 2 * i + 1] =
            results[i].text.p ? arena_printf(a->arena, "%c%.*s", results[i].success ? '+' : '-',
                                             STR_ARG(results[i].text))
                              : (struct str){0};
    }
    return pipeline_add_script(a, &script_batch_save, BATCH_KEYS, HEAD + 2 * (int)n, argv);
}

bool batch_parse_save(const struct command *command, struct batch_update *ret, struct problem *p)
{
    return read_turn(command->reply, ret, p);
}

/* ---- erasing a student ---- */

struct command *batch_cmd_page(struct pipeline *a, int64_t offset, int64_t count)
{
    return pipeline_add(a, COMMAND_READ, 4,
                        (struct str[]){STR("ZREVRANGE"), key_batches, number(a, offset),
                                       number(a, offset + count - 1)});
}

struct command *batch_cmd_has_student(struct pipeline *a, struct str id, struct str student)
{
    struct str key = key_batch(a->arena, id, BATCH_KEY_STUDENTS);

    return pipeline_add(a, COMMAND_READ, 3, (struct str[]){STR("ZSCORE"), key, student});
}

struct command *batch_cmd_remove_student(struct pipeline *a, struct str id, struct str student)
{
    struct str argv[BATCH_KEYS + 1];

    batch_put_keys(a, id, argv);
    argv[BATCH_KEYS] = student;
    return pipeline_add_script(a, &script_batch_remove_student, BATCH_KEYS, BATCH_KEYS + 1, argv);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/batch.h"

#include "app/base/buf.h"
#include "app/base/clock.h"
#include "app/store/batch_inside.h"

static struct str number(struct asks *a, int64_t value)
{
    return arena_printf(a->arena, "%lld", (long long)value);
}

void batch_put_keys(struct asks *a, struct str id, struct str ret_keys[BATCH_KEYS])
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

bool batch_read_item(struct str text, struct batch_item *ret)
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

struct ask *batch_ask_part(struct asks *a, struct str id, int64_t from, int64_t now_ms)
{
    struct str argv[BATCH_KEYS + 3];

    batch_put_keys(a, id, argv);
    argv[BATCH_KEYS] = number(a, now_ms);
    argv[BATCH_KEYS + 1] = number(a, from);
    argv[BATCH_KEYS + 2] = number(a, from + BATCH_PART);
    return ask_script(a, &script_batch_part, BATCH_KEYS, BATCH_KEYS + 3, argv);
}

static bool read_turn(const redisReply *r, struct batch_turn *ret, struct problem *p)
{
    int64_t changed = 0, must_call = 0;
    size_t n;

    *ret = (struct batch_turn){0};
    if (reply_array(r, 4, &n) != REPLY_THERE || n != 4 ||
        reply_int(reply_at(r, 0), &changed) != REPLY_THERE ||
        reply_int(reply_at(r, 1), &must_call) != REPLY_THERE) {
        reply_problem(r, p);
        return false;
    }
    ret->changed = changed == 1;
    ret->must_call = must_call == 1;
    return batch_read_facts(reply_at(r, 2), &ret->now, p);
}

bool batch_read_part(const struct ask *ask, struct batch_turn *ret, struct batch_item *ret_items,
                     size_t *ret_count, struct problem *p)
{
    const redisReply *list = reply_at(ask->reply, 3);
    struct str item;
    size_t n;

    *ret_count = 0;
    if (!read_turn(ask->reply, ret, p))
        return false;
    if (reply_array(list, (size_t)2 * BATCH_PART, &n) != REPLY_THERE || n % 2 != 0) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    for (size_t i = 0; i < n; i += 2) {
        struct batch_item *to = &ret_items[(*ret_count)++];

        if (reply_text(reply_at(list, i), &to->student) != REPLY_THERE ||
            reply_text(reply_at(list, i + 1), &item) != REPLY_THERE || !batch_read_item(item, to))
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    }
    return p->code == PROBLEM_NONE;
}

struct ask *batch_ask_keep(struct asks *a, struct str id, int64_t from, int64_t created_ms,
                           int64_t now_ms, const struct batch_result *results, size_t n)
{
    enum { HEAD = BATCH_KEYS + 3 };
    struct str argv[HEAD + 2 * BATCH_PART];

    batch_put_keys(a, id, argv);
    argv[BATCH_KEYS] = number(a, now_ms);
    argv[BATCH_KEYS + 1] = number(a, from);
    argv[BATCH_KEYS + 2] = number(a, (created_ms + BATCH_KEPT_MS) / 1000);
    for (size_t i = 0; i < n; i++) {
        argv[HEAD + 2 * i] = results[i].student;
        argv[HEAD + 2 * i + 1] =
            results[i].text.p ? arena_printf(a->arena, "%c%.*s", results[i].success ? '+' : '-',
                                             STR_ARG(results[i].text))
                              : (struct str){0};
    }
    return ask_script(a, &script_batch_keep, BATCH_KEYS, HEAD + 2 * (int)n, argv);
}

bool batch_read_keep(const struct ask *ask, struct batch_turn *ret, struct problem *p)
{
    return read_turn(ask->reply, ret, p);
}

/* ---- erasing a student ---- */

struct ask *batch_ask_page(struct asks *a, int64_t offset, int64_t count)
{
    return ask_command(a, ASK_READ, 4,
                       (struct str[]){STR("ZREVRANGE"), key_batches, number(a, offset),
                                      number(a, offset + count - 1)});
}

struct ask *batch_ask_has(struct asks *a, struct str id, struct str student)
{
    struct str key = key_batch(a->arena, id, BATCH_KEY_STUDENTS);

    return ask_command(a, ASK_READ, 3, (struct str[]){STR("ZSCORE"), key, student});
}

struct ask *batch_ask_forget(struct asks *a, struct str id, struct str student)
{
    struct str argv[BATCH_KEYS + 1];

    batch_put_keys(a, id, argv);
    argv[BATCH_KEYS] = student;
    return ask_script(a, &script_batch_forget, BATCH_KEYS, BATCH_KEYS + 1, argv);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/workers.h"

#include "app/store/keys.h"
#include "app/store/reply.h"

void workers_ask_sign(struct asks *a, const struct worker_sign *sign)
{
    struct str text =
        arena_printf(a->arena, "%lld %lld %lld %d", (long long)sign->signs, (long long)sign->shards,
                     (long long)sign->lag_ms, (int)sign->dapr);

    (void)ask_command(a, ASK_WRITE, 4, (struct str[]){STR("HSET"), key_workers, sign->id, text});
    (void)ask_command(a, ASK_WRITE, 3,
                      (struct str[]){STR("PEXPIRE"), key_workers,
                                     arena_printf(a->arena, "%d", WORKERS_EXPIRE_MS)});
}

struct ask *workers_ask(struct asks *a)
{
    return ask_command(a, ASK_READ, 2, (struct str[]){STR("HGETALL"), key_workers});
}

static bool read_sign(struct str text, struct worker_sign *ret)
{
    int64_t dapr;

    if (!str_to_int64(str_cut(&text, ' '), 0, INT64_MAX, &ret->signs) ||
        !str_to_int64(str_cut(&text, ' '), 0, SHARDS, &ret->shards) ||
        !str_to_int64(str_cut(&text, ' '), 0, INT64_MAX, &ret->lag_ms) ||
        !str_to_int64(text, 0, DAPR_STATES - 1, &dapr))
        return false;
    ret->dapr = (enum dapr_state)dapr;
    return true;
}

bool workers_read(const struct ask *ask, struct worker_sign *ret_signs, size_t *ret_count)
{
    size_t n, count = 0;

    if (reply_array(ask->reply, SIZE_MAX, &n) != REPLY_THERE)
        return false;
    for (size_t i = 0; i + 1 < n && count < WORKERS_MAX; i += 2) {
        struct worker_sign *sign = &ret_signs[count];
        struct str text;

        *sign = (struct worker_sign){0};
        if (reply_text(reply_at(ask->reply, i), &sign->id) == REPLY_THERE &&
            reply_text(reply_at(ask->reply, i + 1), &text) == REPLY_THERE && read_sign(text, sign))
            count++;
    }
    *ret_count = count;
    return true;
}

void workers_ask_forget(struct asks *a, struct str id)
{
    (void)ask_command(a, ASK_WRITE, 3, (struct str[]){STR("HDEL"), key_workers, id});
}

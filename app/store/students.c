/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/students.h"

#include "app/store/keys.h"
#include "app/store/reply.h"

enum { PAGE_MAX = 100000 }; /* far more than a step of SCAN gives */

struct ask *students_ask_page(struct asks *a, struct str cursor)
{
    return ask_command(a, ASK_READ, 8,
                       (struct str[]){STR("SCAN"), cursor, STR("MATCH"), key_profiles, STR("COUNT"),
                                      STR("1000"), STR("TYPE"), STR("hash")});
}

bool students_read_page(const struct ask *ask, struct arena *arena, struct str *ret_cursor,
                        struct str_list *ret_students, struct problem *p)
{
    const redisReply *keys = reply_at(ask->reply, 1);
    struct str key;
    size_t n;

    if (reply_text(reply_at(ask->reply, 0), ret_cursor) != REPLY_THERE ||
        reply_array(keys, PAGE_MAX, &n) != REPLY_THERE) {
        reply_problem(ask->reply, p);
        return false;
    }
    ret_students->n = 0;
    ret_students->v = arena_array(arena, n + 1, sizeof(*ret_students->v));
    for (size_t i = 0; ret_students->v && i < n; i++) {
        if (reply_text(reply_at(keys, i), &key) == REPLY_THERE &&
            key_read_profile(key, &ret_students->v[ret_students->n]))
            ret_students->n++;
    }
    if (!ret_students->v)
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return ret_students->v != NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SCAN for keys of type hash finds profiles, marks, forecasts and consents of students.
 * key_parse_profile accepts only the keys of profiles. */
#include "app/store/students.h"

#include "app/store/keys.h"
#include "app/store/reply.h"

/* Most keys in a reply that are accepted. SCAN is requested to look at STUDENTS_PAGE_KEYS keys, but
 * may return somewhat more. */
enum { STUDENTS_PAGE_MAX = 100000 };

struct command *students_cmd_page(struct pipeline *pipeline, struct str cursor)
{
    return pipeline_add(
        pipeline, COMMAND_READ, 8,
        (struct str[]){STR("SCAN"), cursor, STR("MATCH"), key_pattern_students, STR("COUNT"),
                       command_int(pipeline->arena, STUDENTS_PAGE_KEYS), STR("TYPE"), STR("hash")});
}

/* The reply is [cursor, [key, ...]]. Each key of a profile gives one student. */
bool students_parse_page(const struct command *command, struct arena *arena, struct str *ret_cursor,
                         struct str_list *ret_students, struct problem *p)
{
    const redisReply *keys = reply_at(command->reply, 1);
    struct str key;
    size_t key_count;

    if (reply_text(reply_at(command->reply, 0), ret_cursor) != REPLY_OK ||
        reply_array(keys, STUDENTS_PAGE_MAX, &key_count) != REPLY_OK) {
        reply_problem(command->reply, p);
        return false;
    }
    ret_students->n = 0;
    ret_students->v = arena_array(arena, key_count, sizeof(*ret_students->v));
    for (size_t i = 0; ret_students->v && i < key_count; i++) {
        if (reply_text(reply_at(keys, i), &key) == REPLY_OK &&
            key_parse_profile(key, arena, &ret_students->v[ret_students->n]))
            ret_students->n++;
    }
    if (!ret_students->v)
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return ret_students->v != NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/scan_cursor.h"

#include <stdio.h>
#include <string.h>

#include "app/store/reply.h"

enum { CURSOR_SIZE = 64 }; /* bytes of a cursor, with the NUL at its end */

bool scan_cursor_is_used(const struct command *command)
{
    return !command->script && command->argc > 1 && str_equal(command->argv[0], STR("SCAN"));
}

/* A cursor of another form is left as it is: the node refuses it. */
size_t scan_cursor_decode(struct command *command, struct arena *arena)
{
    struct str cursor = command->argv[1], text = str_cut(&cursor, '-');
    struct str *argv = arena_array(arena, (size_t)command->argc, sizeof(*argv));
    int64_t at;

    if (cursor.n == 0 || !argv || !str_to_int64(text, 0, MEMBERS_MAX, &at))
        return 0;
    memcpy(argv, command->argv, (size_t)command->argc * sizeof(*argv));
    argv[1] = cursor;
    command->argv = argv;
    return (size_t)at;
}

/* When memory is short the reply stays as it is, and is the cursor of the first node: some of its
 * keys are then seen again, which SCAN allows. */
static void scan_encode(redisReply *cursor, size_t at, bool is_last, struct arena *arena)
{
    bool is_end = strcmp(cursor->str, "0") == 0;
    char *text;

    if (is_end && is_last)
        return;
    text = arena_alloc(arena, CURSOR_SIZE);
    if (!text)
        return;
    (void)snprintf(text, CURSOR_SIZE, "%zu-%.40s", is_end ? at + 1 : at, cursor->str);
    cursor->str = text;
    cursor->len = strlen(text);
}

void scan_cursor_encode(struct pipeline *pipeline, const struct members *members,
                        const struct member *from)
{
    for (const struct command *command = pipeline->first; command; command = command->next) {
        redisReply *reply = command->reply;
        size_t at;

        if (!scan_cursor_is_used(command) || !reply_at(reply, 0) ||
            reply->element[0]->type != REDIS_REPLY_STRING)
            continue;
        at = members_position(members, from);
        scan_encode(reply->element[0], at, !members_serving(members, at + 1), pipeline->arena);
    }
}

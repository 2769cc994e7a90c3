/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/scan_cursor.h"

#include <stdio.h>
#include <string.h>

#include "app/store/reply.h"

bool scan_cursor_is_used(const struct command *command)
{
    return !command->script && command->argc > 1 && str_equal(command->argv[0], STR("SCAN"));
}

/* "0" means the first node. A cursor that does not have the form of the cluster's goes to the first
 * node unchanged; so does any cursor when memory is short. */
size_t scan_cursor_decode(struct command *command, const struct members *members)
{
    struct str cursor = command->argv[1], node = str_cut(&cursor, '-');
    struct str epoch_text = str_cut(&cursor, '-');
    struct str *argv = arena_array(command->pipeline->arena, (size_t)command->argc, sizeof(*argv));
    int64_t at, epoch;

    if (cursor.n == 0 || !argv || !str_to_int64(node, 0, MEMBERS_MAX, &at) ||
        !str_to_int64(epoch_text, 0, INT64_MAX, &epoch))
        return 0;
    if (epoch != members->epoch) {
        at = 0;
        cursor = STR("0");
    }
    memcpy(argv, command->argv, (size_t)command->argc * sizeof(*argv));
    argv[1] = cursor;
    command->argv = argv;
    return (size_t)at;
}

/* Replaces a node's cursor (at most 20 digits) in the reply by NODE-EPOCH-CURSOR, with which the
 * next SCAN continues at the same place. at: position of the node. After its last key (cursor "0")
 * the next node follows; if is_last, there is none, and "0" stays and ends the scan. When memory is
 * short, the node's own cursor stays. */
static void scan_encode(redisReply *cursor, size_t at, bool is_last, int64_t epoch,
                        struct arena *arena)
{
    bool is_end = strcmp(cursor->str, "0") == 0;
    char *text;

    if (is_end && is_last)
        return;
    text = arena_alloc(arena, SCAN_CURSOR_SIZE);
    if (!text)
        return;
    (void)snprintf(text, SCAN_CURSOR_SIZE, "%zu-%lld-%.20s", is_end ? at + 1 : at, (long long)epoch,
                   cursor->str);
    cursor->str = text;
    cursor->len = strlen(text);
}

void scan_cursor_encode(struct pipeline *pipeline, const struct members *members,
                        const struct member *from, int64_t epoch)
{
    for (const struct command *command = pipeline->first; command; command = command->next) {
        redisReply *reply = command->reply;
        bool is_last;
        size_t at;

        if (!scan_cursor_is_used(command) || !reply_at(reply, 0) ||
            reply->element[0]->type != REDIS_REPLY_STRING)
            continue;
        at = members_position(members, from);
        is_last = epoch == members->epoch && !members_serving(members, at + 1);
        scan_encode(reply->element[0], at, is_last, epoch, pipeline->arena);
    }
}

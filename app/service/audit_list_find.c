/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each function has two cases: the chain of the shard's segments, or the index of a student. */
#include "app/service/audit_list_find.h"

#include <stdio.h>

#include "app/store/audit_index.h"

void audit_list_cmd_find(struct audit_list *list, unsigned shard, struct pipeline *pipeline)
{
    struct str id = arena_copy(pipeline->arena, str_of(list->position.id));

    if (list->student.n == 0)
        list->find_cmds[shard] = audit_segment_cmd_find(pipeline, shard, id);
    else if (list->subject.n > 0)
        list->find_cmds[shard] = audit_index_cmd_get(pipeline, shard, list->subject);
}

bool audit_list_parse_find(struct audit_list *list, unsigned shard, char ret_id[STREAM_ID_SIZE],
                           int64_t *ret_total, struct problem *p)
{
    const struct command *command = list->find_cmds[shard];
    struct str id;
    size_t n;

    *ret_total = 0;
    *ret_id = '\0';
    list->find_cmds[shard] = NULL;
    if (list->student.n > 0) {
        if (!audit_index_parse(command, &list->index, p))
            return false;
        n = audit_index_until(list->index, str_of(list->position.id));
        if (n > 0)
            audit_index_print(list->index, n - 1, ret_id);
        return true;
    }
    if (!audit_segment_parse_find(command, &id, ret_total, p))
        return false;
    (void)snprintf(ret_id, STREAM_ID_SIZE, "%.*s", STR_ARG(id));
    return true;
}

/* Entries are removed from the index at its start only. So `segment`, which was found in the index,
 * is its entry n - 1, and the segment before it is entry n - 2. If `segment` has been removed, so
 * have all before it, and n is 0. */
struct str audit_list_previous(const struct audit_list *list, struct arena *arena,
                               const struct audit_segment *segment,
                               const struct audit_segment_text *text)
{
    char id[STREAM_ID_SIZE];
    size_t n;

    if (list->student.n == 0)
        return text->previous_id;
    n = audit_index_after(list->index, segment->id);
    if (n < 2)
        return STR("");
    audit_index_print(list->index, n - 2, id);
    return arena_copy(arena, str_of(id));
}

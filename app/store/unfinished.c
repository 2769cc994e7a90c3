/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads and changes the list `unfinished`: cohorts and batches whose change takes several steps and
 * is not complete (unfinished.h). */
#include "app/store/unfinished.h"

#include "app/store/keys.h"
#include "app/store/reply.h"

static const struct str kind_names[UNFINISHED_KINDS] = {
    [UNFINISHED_COHORT] = STR_INIT("cohort"), [UNFINISHED_BATCH] = STR_INIT("batch")};

/* Returns the text of an entry: "KIND ID". */
static struct str unfinished_entry(struct arena *arena, enum unfinished_kind kind, struct str id)
{
    return arena_printf(arena, "%s %.*s", kind_names[kind].p, STR_ARG(id));
}

void unfinished_cmd_add(struct pipeline *pipeline, enum unfinished_kind kind, struct str id)
{
    (void)pipeline_add_script(
        pipeline, &script_unfinished_add, 1, 2,
        (struct str[]){key_unfinished, unfinished_entry(pipeline->arena, kind, id)});
}

void unfinished_cmd_remove(struct pipeline *pipeline, enum unfinished_kind kind, struct str id)
{
    (void)pipeline_add(
        pipeline, COMMAND_WRITE, 3,
        (struct str[]){STR("ZREM"), key_unfinished, unfinished_entry(pipeline->arena, kind, id)});
}

struct command *unfinished_cmd_oldest(struct pipeline *pipeline, int64_t age_ms)
{
    return pipeline_add_read_script(
        pipeline, &script_unfinished_oldest, 1, 2,
        (struct str[]){key_unfinished, command_int(pipeline->arena, age_ms)});
}

bool unfinished_parse_oldest(const struct command *command, enum unfinished_kind *ret_kind,
                             struct str *ret_id)
{
    struct str name;
    int kind = 0;

    if (reply_text(command->reply, ret_id) != REPLY_OK)
        return false;
    name = str_cut(ret_id, ' ');
    while (kind < UNFINISHED_KINDS && !str_equal(name, kind_names[kind]))
        kind++;
    *ret_kind = (enum unfinished_kind)kind;
    return true;
}

void unfinished_cmd_drop(struct pipeline *pipeline, const struct command *oldest)
{
    struct str entry = {0};

    /* without a text entry.p stays NULL, and pipeline_add makes the pipeline fail */
    (void)reply_text(oldest->reply, &entry);
    (void)pipeline_add(pipeline, COMMAND_WRITE, 3,
                       (struct str[]){STR("ZREM"), key_unfinished, entry});
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Collects the commands of pipelines in an arena; store.c sends them. Each command points to its
 * pipeline, because replies arrive for single commands, and the last one completes the pipeline. */
#include "app/store/pipeline.h"

#include <stdio.h>

#include "app/base/buf.h"

/* The command that pipeline_add returns when out of memory. Its reply is always NULL, because the
 * pipeline is marked as failed and is never sent. */
static struct command placeholder;

bool written_add(struct written **list, struct arena *arena, const char *server_id)
{
    struct written *added;

    for (const struct written *one = *list; one; one = one->next) {
        if (strcmp(one->server_id, server_id) == 0)
            return true;
    }
    added = arena_zalloc(arena, sizeof(*added));
    if (!added)
        return false;
    (void)snprintf(added->server_id, sizeof(added->server_id), "%s", server_id);
    added->next = *list;
    *list = added;
    return true;
}

bool written_join(struct written **list, struct arena *arena, const struct written *from)
{
    for (; from; from = from->next) {
        if (!written_add(list, arena, from->server_id))
            return false;
    }
    return true;
}

void pipeline_init(struct pipeline *pipeline, struct arena *arena, void *owner)
{
    *pipeline = (struct pipeline){.arena = arena, .owner = owner};
    pipeline->last = &pipeline->first;
}

int64_t pipeline_time_left_us(const struct pipeline *pipeline, int64_t now_us)
{
    return pipeline->submitted_us + pipeline->limit_us - now_us;
}

void pipeline_clear(struct pipeline *pipeline)
{
    pipeline_init(pipeline, pipeline->arena, pipeline->owner);
}

/* Links the list of commands of `from` to the end of that of `into`. `from` is empty afterwards. */
void pipeline_join(struct pipeline *into, struct pipeline *from)
{
    for (struct command *command = from->first; command; command = command->next)
        command->pipeline = into;
    if (from->first) {
        *into->last = from->first;
        into->last = from->last;
    }
    into->count += from->count;
    into->failed = into->failed || from->failed;
    into->has_writes = into->has_writes || from->has_writes;
    pipeline_clear(from);
}

/* Returns whether the command can be sent: argc is in range, and no text has a NULL p, which a
 * failed allocation leaves. Redis would receive an empty text instead, which could be the name of
 * another key, or overwrite data with nothing. */
static bool pipeline_argv_is_valid(int argc, const struct str *argv)
{
    for (int i = 0; i < argc; i++) {
        if (!argv[i].p)
            return false;
    }
    return argc > 0 && argc <= COMMAND_ARGC_MAX;
}

/* Appends a copy of the command, with a copy of its array argv, to the pipeline. Checks the texts,
 * so that callers need not check the allocations that made them. When out of memory, or for texts
 * that cannot be sent, marks the pipeline as failed and returns the placeholder. */
static struct command *pipeline_append(struct pipeline *pipeline, struct command command)
{
    struct command *added = arena_zalloc(pipeline->arena, sizeof(*added));
    struct str *copy = arena_array(pipeline->arena, (size_t)command.argc, sizeof(*copy));

    if (!added || !copy || !pipeline_argv_is_valid(command.argc, command.argv)) {
        pipeline->failed = true;
        return &placeholder;
    }
    memcpy(copy, command.argv, (size_t)command.argc * sizeof(*copy));
    *added = command;
    added->argv = copy;
    added->pipeline = pipeline;
    *pipeline->last = added;
    pipeline->last = &added->next;
    pipeline->count++;
    if (command.kind == COMMAND_WRITE)
        pipeline->has_writes = true;
    return added;
}

struct command *pipeline_add(struct pipeline *pipeline, enum command_kind kind, int argc,
                             const struct str *argv)
{
    return pipeline_append(pipeline, (struct command){.kind = kind, .argc = argc, .argv = argv});
}

/* Adds the script as a write. Only pipeline_add_read_script adds a script that may be sent a second
 * time after a lost connection. */
struct command *pipeline_add_script(struct pipeline *pipeline, const struct script *script,
                                    int keys, int argc, const struct str *argv)
{
    return pipeline_append(pipeline, (struct command){.kind = COMMAND_WRITE,
                                                      .script = script,
                                                      .key_count = keys,
                                                      .argc = argc,
                                                      .argv = argv});
}

struct command *pipeline_add_read_script(struct pipeline *pipeline, const struct script *script,
                                         int keys, int argc, const struct str *argv)
{
    return pipeline_append(
        pipeline,
        (struct command){
            .kind = COMMAND_READ, .script = script, .key_count = keys, .argc = argc, .argv = argv});
}

struct str command_int(struct arena *arena, int64_t value)
{
    struct buf text;

    buf_init(&text, arena);
    buf_int(&text, value);
    return text.failed ? (struct str){0} : buf_view(&text);
}

void pipeline_queue_push(struct pipeline_queue *queue, struct pipeline *pipeline)
{
    pipeline->next = NULL;
    if (queue->first)
        queue->last->next = pipeline;
    else
        queue->first = pipeline;
    queue->last = pipeline;
}

/* `last` needs no change: it is not read while the queue is empty. */
struct pipeline *pipeline_queue_pop(struct pipeline_queue *queue)
{
    struct pipeline *pipeline = queue->first;

    if (pipeline)
        queue->first = pipeline->next;
    return pipeline;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/store.h"

/* What pipeline_add answers when there is no memory: never submitted, its asks are marked failed.
 */
static struct command dead_ask;

void pipeline_init(struct pipeline *a, struct arena *arena, void *owner)
{
    *a = (struct pipeline){.arena = arena, .owner = owner};
    a->last = &a->first;
}

void pipeline_clear(struct pipeline *a)
{
    pipeline_init(a, a->arena, a->owner);
}

/* A text that is not there is one for which there was no memory. Sent as an empty one it would be
 * another key, or another state. */
static bool complete(int argc, const struct str *argv)
{
    for (int i = 0; i < argc; i++) {
        if (!argv[i].p)
            return false;
    }
    return argc > 0 && argc <= COMMAND_ARGC_MAX;
}

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

static struct command *note(struct pipeline *a, enum command_kind kind, int argc,
                            const struct str *argv)
{
    struct command *command = arena_zalloc(a->arena, sizeof(*command));
    struct str *copy = arena_array(a->arena, (size_t)argc, sizeof(*copy));

    if (!command || !copy || !complete(argc, argv)) {
        a->failed = true;
        return &dead_ask;
    }
    memcpy(copy, argv, (size_t)argc * sizeof(*copy));
    command->kind = kind;
    command->argc = argc;
    command->argv = copy;
    command->pipeline = a;
    *a->last = command;
    a->last = &command->next;
    a->count++;
    if (kind == COMMAND_WRITE)
        a->has_writes = true;
    return command;
}

struct command *pipeline_add(struct pipeline *a, enum command_kind kind, int argc,
                             const struct str *argv)
{
    return note(a, kind, argc, argv);
}

static struct command *note_script(struct pipeline *a, enum command_kind kind,
                                   const struct script *script, int keys, int argc,
                                   const struct str *argv)
{
    struct command *command = note(a, kind, argc, argv);

    if (command != &dead_ask) {
        command->script = script;
        command->key_count = keys;
    }
    return command;
}

struct command *pipeline_add_script(struct pipeline *a, const struct script *script, int keys,
                                    int argc, const struct str *argv)
{
    return note_script(a, COMMAND_WRITE, script, keys, argc, argv);
}

struct command *pipeline_add_read_script(struct pipeline *a, const struct script *script, int keys,
                                         int argc, const struct str *argv)
{
    return note_script(a, COMMAND_READ, script, keys, argc, argv);
}

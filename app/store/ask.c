/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/store.h"

/* What ask_command answers when there is no memory: never submitted, its asks are marked failed. */
static struct ask dead_ask;

void asks_init(struct asks *a, struct arena *arena, void *owner)
{
    *a = (struct asks){.arena = arena, .owner = owner};
    a->last = &a->first;
}

void asks_clear(struct asks *a)
{
    asks_init(a, a->arena, a->owner);
}

/* A text that is not there is one for which there was no memory. Sent as an empty one it would be
 * another key, or another state. */
static bool complete(int argc, const struct str *argv)
{
    for (int i = 0; i < argc; i++) {
        if (!argv[i].p)
            return false;
    }
    return argc > 0 && argc <= ASK_ARGC_MAX;
}

void asks_join(struct asks *into, struct asks *from)
{
    for (struct ask *ask = from->first; ask; ask = ask->next)
        ask->of = into;
    if (from->first) {
        *into->last = from->first;
        into->last = from->last;
    }
    into->count += from->count;
    into->failed = into->failed || from->failed;
    into->has_writes = into->has_writes || from->has_writes;
    asks_clear(from);
}

static struct ask *note(struct asks *a, enum ask_kind kind, int argc, const struct str *argv)
{
    struct ask *ask = arena_zalloc(a->arena, sizeof(*ask));
    struct str *copy = arena_array(a->arena, (size_t)argc, sizeof(*copy));

    if (!ask || !copy || !complete(argc, argv)) {
        a->failed = true;
        return &dead_ask;
    }
    memcpy(copy, argv, (size_t)argc * sizeof(*copy));
    ask->kind = kind;
    ask->argc = argc;
    ask->argv = copy;
    ask->of = a;
    *a->last = ask;
    a->last = &ask->next;
    a->count++;
    if (kind == ASK_WRITE)
        a->has_writes = true;
    return ask;
}

struct ask *ask_command(struct asks *a, enum ask_kind kind, int argc, const struct str *argv)
{
    return note(a, kind, argc, argv);
}

static struct ask *note_script(struct asks *a, enum ask_kind kind, const struct script *script,
                               int keys, int argc, const struct str *argv)
{
    struct ask *ask = note(a, kind, argc, argv);

    if (ask != &dead_ask) {
        ask->script = script;
        ask->keys = keys;
    }
    return ask;
}

struct ask *ask_script(struct asks *a, const struct script *script, int keys, int argc,
                       const struct str *argv)
{
    return note_script(a, ASK_WRITE, script, keys, argc, argv);
}

struct ask *ask_script_reading(struct asks *a, const struct script *script, int keys, int argc,
                               const struct str *argv)
{
    return note_script(a, ASK_READ, script, keys, argc, argv);
}

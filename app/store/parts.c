/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/parts.h"

struct split *split_new(struct pipeline *whole)
{
    struct split *split = arena_zalloc(whole->arena, sizeof(*split));
    size_t i = 0;

    if (!split)
        return NULL;
    split->whole = whole;
    split->commands = arena_array(whole->arena, whole->count, sizeof(struct command *));
    if (!split->commands)
        return NULL;
    for (struct command *command = whole->first; command; command = command->next)
        split->commands[i++] = command;
    return split;
}

struct command *split_next(const struct split *split)
{
    return split->next < split->whole->count ? split->commands[split->next] : NULL;
}

/* Returns whether both commands do the same to different keys: they are the same command or script.
 * The script lease_write executes any command, whose name is argv[2] (KEY UNTIL NAME ...), so that
 * name must be the same too. */
static bool command_is_alike(const struct command *a, const struct command *b)
{
    if (a->script != b->script)
        return false;
    if (a->script != &script_lease_write)
        return a->script || str_equal(a->argv[0], b->argv[0]);
    return str_equal(a->argv[2], b->argv[2]);
}

/* The commands of a phase may be executed in any order, unless all are for one member. So a phase
 * with writes has commands for one member only, or commands that all do the same to different keys.
 * A pipeline that only reads, or whose owner does not need the order (is_unordered), is one phase.
 */
bool split_may_join(const struct split *split, struct parts *parts, const struct command *first,
                    const struct command *next, const struct member *member)
{
    bool is_one_member = !parts->first->next && parts->first->member == member;
    bool is_alike = command_is_alike(first, next);

    if (!split->whole->has_writes || split->whole->is_unordered || (is_alike && !parts->is_mixed))
        return true;
    parts->is_mixed = true;
    return is_one_member;
}

struct command *split_add_copy(struct split *split, struct command *original)
{
    struct copy *copy = arena_zalloc(split->whole->arena, sizeof(*copy));

    if (!copy) {
        split->failed = true;
        return NULL;
    }
    *copy = (struct copy){*original, original, split->copies};
    split->copies = copy;
    return &copy->command;
}

void split_end(struct split *split)
{
    struct pipeline *whole = split->whole;

    for (const struct copy *copy = split->copies; copy; copy = copy->next) {
        if (!copy->command.reply || copy->command.reply->type == REDIS_REPLY_ERROR)
            copy->original->reply = copy->command.reply;
    }
    whole->last = &whole->first;
    for (size_t i = 0; i < whole->count; i++) {
        split->commands[i]->pipeline = whole;
        split->commands[i]->next = NULL;
        *whole->last = split->commands[i];
        whole->last = &split->commands[i]->next;
    }
}

/* Returns the part of the divided pipeline for this member. Adds one if there is none, with `hops`,
 * which is the same for all parts of a list. Returns NULL when out of memory. */
static struct part *parts_find(struct parts *parts, struct split *split,
                               const struct member *member, int hops)
{
    struct part **at = &parts->first;

    while (*at && ((*at)->member != member || (*at)->split != split))
        at = &(*at)->next;
    if (!*at && (*at = arena_zalloc(split->whole->arena, sizeof(**at)))) {
        (*at)->split = split;
        (*at)->member = member;
        (*at)->hops = hops;
        pipeline_init(&(*at)->pipeline, split->whole->arena, *at);
    }
    return *at;
}

bool parts_add(struct parts *parts, struct split *split, const struct member *member,
               struct command *command, int hops)
{
    struct part *part = parts_find(parts, split, member, hops);

    if (!part) {
        split->failed = true;
        return false;
    }
    command->next = NULL;
    command->pipeline = &part->pipeline;
    *part->pipeline.last = command;
    part->pipeline.last = &command->next;
    part->pipeline.count++;
    part->pipeline.has_writes = part->pipeline.has_writes || command->kind == COMMAND_WRITE;
    return true;
}

struct part *parts_pop(struct parts *parts)
{
    struct part *part = parts->first;

    if (part)
        parts->first = part->next;
    return part;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Divides a pipeline whose keys are on several nodes of a cluster into parts, one for each node,
 * and combines the replies. A split (struct split) is the divided pipeline. While it is divided,
 * its commands belong to the parts, which are pipelines themselves. All memory is in the pipeline's
 * arena.
 *
 * A pipeline with writes is sent in phases, so that its commands have the same order as on one
 * server: a phase begins when all commands of the previous one have their replies. A phase is as
 * long as possible: commands for one node, or commands of one kind, such as one for each of many
 * students. All commands of a pipeline that only reads are one phase. */
#ifndef STORE_PARTS_H
#define STORE_PARTS_H

#include "app/store/pipeline.h"

struct member;

/* A copy, for one more node, of a command that goes to all nodes (SLOWLOG, BGREWRITEAOF).
 * `original` itself goes to the first node. Copies are needed because a command can be in one
 * pipeline only, and have one reply. */
struct copy {
    struct command command;
    struct command *original;
    struct copy *next; /* next copy of the same split (divided pipeline) */
};

/* A pipeline that is divided. Its commands are put into parts in their order. */
struct split {
    struct pipeline *whole;    /* the pipeline that is divided */
    struct command **commands; /* all commands of `whole`, in its order */
    size_t next;               /* index in `commands` of the first command that is in no part yet */
    size_t open;         /* number of parts of this pipeline that their nodes have not finished */
    struct copy *copies; /* copies of commands for all nodes; NULL: none */
    /* epoch of the map of slots (struct members) by which the latest phase was sent (a phase:
     * commands of which none must wait for the reply to another) */
    int64_t epoch;
    bool failed; /* a command could not be sent, or its part has failed */
};

/* The commands of a divided pipeline that go to one node together. */
struct part {
    /* holds the commands; its owner is the part, so that the part is found when it is done */
    struct pipeline pipeline;
    struct split *split;
    const struct member *member; /* the node that gets the commands; NULL: not known yet */
    int hops;                    /* how often its commands were sent and refused before */
    int64_t due_us;              /* delayed: monotonic time before which it must not be sent */
    struct part *next;           /* next part in the list of a struct parts */
};

/* A list of parts (commands for one node each) that are to be sent together. Zeroed: empty. */
struct parts {
    struct part *first;
    /* the list has commands that do different things, such as SET and DEL (split_may_join) */
    bool is_mixed;
};

/* Begins to divide the pipeline by the nodes of its commands: lists the commands in
 * split->commands; none is in a part yet. Returns NULL when out of memory. */
struct split *split_new(struct pipeline *whole);
/* Returns the first command that is in no part yet; NULL when there is none. The caller increases
 * split->next when it puts the command into a part. */
struct command *split_next(const struct split *split);
/* Returns whether the command `next`, for this member, may be in one phase (sent without waiting
 * for replies) with the commands in `parts`, of which there is at least one. first: the first
 * command of the phase. In a pipeline with writes, sets parts->is_mixed if `first` and `next` do
 * different things. */
bool split_may_join(const struct split *split, struct parts *parts, const struct command *first,
                    const struct command *next, const struct member *member);
/* Makes a copy, for the part of one more node, of a command that goes to all nodes. If the reply to
 * a copy is an error, split_end() uses it as the reply of the original. Returns NULL, with
 * split->failed set, when out of memory. */
struct command *split_add_copy(struct split *split, struct command *original);
/* Returns all commands to the pipeline, with the replies that they have. The reply to a command for
 * all nodes is an error, or missing, if that of any node is. */
void split_end(struct split *split);

/* Adds a command of the divided pipeline `split` to its part for this member in the list, or to a
 * new part. hops: how often the command was sent before, the same for all commands of a part.
 * Returns false, with split->failed set, when out of memory. */
bool parts_add(struct parts *parts, struct split *split, const struct member *member,
               struct command *command, int hops);
/* Removes the first part of the list and returns it; NULL when the list is empty. */
struct part *parts_pop(struct parts *parts);

#endif

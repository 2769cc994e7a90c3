/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Divides a pipeline whose keys are on several nodes of a cluster into parts, one for each node,
 * and puts it together again. A split (struct split) is the divided pipeline. While it is divided
 * its commands belong to the parts, which are pipelines themselves. All memory is of the pipeline's
 * arena.
 *
 * A pipeline with writes is sent in phases, so that its commands have the same order as on one
 * server: a phase begins when all commands of the one before it have their replies. A phase is as
 * long as possible: commands for one node, or commands of one kind, such as one for each of many
 * students. All commands of a pipeline that only reads are one phase. */
#ifndef STORE_PARTS_H
#define STORE_PARTS_H

#include "app/store/pipeline.h"

struct member;

/* The copy for one more node of a command that all nodes get (SLOWLOG, BGREWRITEAOF): a command can
 * be in one pipeline and have one reply only. `original` goes to the first node. */
struct copy {
    struct command command;
    struct command *original;
    struct copy *next;
};

/* A pipeline that is divided. Its commands are put into parts in their order, those before `next`
 * first. */
struct split {
    struct pipeline *whole;    /* the pipeline that was submitted */
    struct command **commands; /* all commands of `whole`, in its order */
    size_t next; /* index in `commands` of the first one that was put into no part yet */
    size_t open; /* parts of this pipeline whose node has not finished them */
    struct copy *copies;
    /* of the map of slots (struct members) by which the latest phase was sent; a phase: commands
     * of which none has to wait for the reply to another */
    int64_t epoch;
    bool failed; /* a command could not be sent, or the part that had it has failed */
};

/* The commands of a divided pipeline that go to one node together. */
struct part {
    struct pipeline pipeline; /* has the commands; its owner is the part, found by it when done */
    struct split *split;
    const struct member *member; /* the node that gets the commands; NULL: not known yet */
    int hops;                    /* how often its commands were sent before, and refused */
    int64_t due_us;              /* time before which it is not sent again */
    struct part *next;           /* next part in the list of a struct parts */
};

/* A list of parts (commands for one node each) that are to be sent together. All zeros: none. */
struct parts {
    struct part *first;
    /* split_may_join() has found commands in it that do not do the same (SET and DEL, say) */
    bool is_mixed;
};

/* Begins to divide the pipeline by the nodes of its commands: lists these in split->commands, of
 * which none is in a part yet. NULL: out of memory. */
struct split *split_new(struct pipeline *whole);
/* The first command that was put into no part yet; NULL: there is none. The caller counts it in
 * split->next when it puts it into a part. */
struct command *split_next(const struct split *split);
/* Whether the command `next`, for this member, may be in one phase (sent without waiting for
 * replies) with `parts`, which has at least one command. first: the first command of the phase. */
bool split_may_join(const struct split *split, struct parts *parts, const struct command *first,
                    const struct command *next, const struct member *member);
/* Makes a copy of a command that all nodes get, for the part of one more node: a command can be in
 * one part only. split_end() puts an error reply of a copy in the place of the original's. NULL,
 * with split->failed: out of memory. */
struct command *split_add_copy(struct split *split, struct command *original);
/* Gives all commands back to the pipeline, with the replies that they have. That of a command for
 * all nodes is an error, or missing, if that of any node is. */
void split_end(struct split *split);

/* Adds a command of the divided pipeline `split` to its part for this member in the list, or to a
 * new part. hops: how often the command was sent before; a new part gets the number, one that is
 * there has the same. False, with split->failed: out of memory. */
bool parts_add(struct parts *parts, struct split *split, const struct member *member,
               struct command *command, int hops);
/* Removes a part and returns it; NULL: there is none. */
struct part *parts_pop(struct parts *parts);

#endif

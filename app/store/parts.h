/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Divides a pipeline whose keys are on several nodes of a cluster into parts, one for each node,
 * and puts it together again. While it is divided its commands belong to the parts, which are
 * pipelines themselves. All memory is of the pipeline's arena.
 *
 * A pipeline with writes is sent in phases, so that its commands have the same order as on one
 * server: a phase begins when all commands of the one before it have their replies. A phase is as
 * long as possible: commands for one node, or commands of one kind, such as one for each of many
 * students. All commands of a pipeline that only reads are one phase. */
#ifndef STORE_PARTS_H
#define STORE_PARTS_H

#include "app/store/pipeline.h"

struct member;

/* A copy of a command that all nodes get, for another node than the command itself. */
struct copy {
    struct command command;
    struct command *original;
    struct copy *next;
};

struct split {
    struct pipeline *whole;
    struct command **commands; /* of the whole, in its order */
    size_t next;               /* index of the first command that is in no part yet */
    size_t open;               /* parts that are not done */
    struct copy *copies;
    int64_t epoch; /* of the map by which the latest phase was sent */
    bool failed;   /* a command could not be sent, or its part has failed */
};

struct part {
    struct pipeline pipeline; /* owner: the part itself */
    struct split *split;
    const struct member *member; /* the node to which it will be sent; NULL: not known yet */
    int hops;                    /* how often its commands were sent before */
    int64_t due_us;              /* time before which it is not sent again */
    struct part *next;           /* in a struct parts */
};

/* Parts that are to be sent together. All zeros: none. */
struct parts {
    struct part *first;
    bool is_mixed; /* their commands are not all alike; used by split_may_join() */
};

/* Begins to divide the pipeline. NULL: out of memory. */
struct split *split_new(struct pipeline *whole);
/* The next command that is in no part; NULL: there is none. */
struct command *split_next(const struct split *split);
/* Whether the command `next`, for this member, may be in one phase with `parts`, which has at least
 * one command. first: the first command of the phase. */
bool split_may_join(const struct split *split, struct parts *parts, const struct command *first,
                    const struct command *next, const struct member *member);
/* Adds a copy of the command, to be put into a part. NULL, with split->failed: out of memory. */
struct command *split_add_copy(struct split *split, struct command *original);
/* Gives all commands back to the pipeline, with the replies that they have. That of a command for
 * all nodes is an error, or missing, if that of any node is. */
void split_end(struct split *split);

/* Adds a command to the part for this member. hops: of the part, if it is a new one. False, with
 * split->failed: out of memory. */
bool parts_add(struct parts *parts, struct split *split, const struct member *member,
               struct command *command, int hops);
/* Removes a part and returns it; NULL: there is none. */
struct part *parts_pop(struct parts *parts);

#endif

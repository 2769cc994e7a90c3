/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The numbers of entries in Redis that workers have not processed yet. */
#ifndef STORE_DEPTHS_H
#define STORE_DEPTHS_H

#include "app/base/problem.h"
#include "app/store/keys.h"
#include "app/store/pipeline.h"
#include "app/store/queue.h"

struct depths {
    int64_t journal;                /* changes to process, of all shards */
    int64_t outbox;                 /* events to publish, of all shards */
    int64_t jobs[QUEUE_PRIORITIES]; /* jobs in the queues, by enum queue_priority */
    int64_t later;                  /* jobs to retry */
    int64_t dead_letters;
};

/* Queues the commands that read these numbers: about 500, which Redis executes in a millisecond.
 * Returns the first one. */
struct command *depths_cmd_get(struct pipeline *pipeline);
/* Parses the replies to the commands of depths_cmd_get; command: the first of them. Returns false
 * with p set when a reply is no number. */
bool depths_parse(const struct command *command, struct depths *ret, struct problem *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The queue of commands that were sent on a connection and have no reply yet. Redis replies in the
 * order of the commands, so a reply belongs to the oldest entry. An entry stays until its reply
 * arrives, even if the command was abandoned by its owner: its command is then NULL, and the reply
 * is read and discarded, so that later replies still belong to the right commands (hazards H3). The
 * queue does not own the commands. */
#ifndef STORE_SENT_QUEUE_H
#define STORE_SENT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct command;

struct sent_entry {
    struct command *command; /* NULL: the command was abandoned by its owner */
    int64_t sent_us;         /* when it was written to the socket; before that, when it was added */
};

/* A queue of zeros is empty. */
struct sent_queue {
    struct sent_entry *entries; /* ring of `capacity` entries, a power of two */
    size_t capacity, first;     /* first: index of the oldest entry */
    size_t count;               /* number of entries */
    /* number of newest entries that are not written to the socket yet */
    size_t unwritten;
};

/* Frees the memory of the queue, which is empty afterwards. */
void sent_queue_release(struct sent_queue *queue);
/* Makes room for one more entry. Returns false when out of memory. */
bool sent_queue_reserve(struct sent_queue *queue);
/* Adds a command as the newest entry, not yet written. NULL: a command without an owner, whose
 * reply is discarded. sent_queue_reserve must have succeeded before. */
void sent_queue_push(struct sent_queue *queue, struct command *command, int64_t now_us);
/* Returns the entry at position i < count; 0 is the oldest. Valid until the next push. */
struct sent_entry *sent_queue_at(const struct sent_queue *queue, size_t i);
/* Removes the oldest entry and returns its command. The queue must not be empty. */
struct command *sent_queue_pop(struct sent_queue *queue);

#endif

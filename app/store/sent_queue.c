/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A ring buffer that doubles when it is full and never shrinks: its size follows the largest number
 * of commands that were ever without a reply at the same time. */
#include "app/store/sent_queue.h"

#include <stdlib.h>

enum { SENT_CAPACITY_MIN = 64 }; /* entries of the first ring */

void sent_queue_release(struct sent_queue *queue)
{
    free(queue->entries);
    *queue = (struct sent_queue){0};
}

struct sent_entry *sent_queue_at(const struct sent_queue *queue, size_t i)
{
    return &queue->entries[(queue->first + i) & (queue->capacity - 1)];
}

/* Doubles the ring, or allocates it. The oldest entry is at index 0 afterwards. Returns false when
 * out of memory. */
static bool sent_queue_grow(struct sent_queue *queue)
{
    size_t capacity = queue->capacity > 0 ? 2 * queue->capacity : SENT_CAPACITY_MIN;
    struct sent_entry *entries = calloc(capacity, sizeof(*entries));

    if (!entries)
        return false;
    for (size_t i = 0; i < queue->count; i++)
        entries[i] = *sent_queue_at(queue, i);
    free(queue->entries);
    queue->entries = entries;
    queue->capacity = capacity;
    queue->first = 0;
    return true;
}

bool sent_queue_reserve(struct sent_queue *queue)
{
    return queue->count < queue->capacity || sent_queue_grow(queue);
}

void sent_queue_push(struct sent_queue *queue, struct command *command, int64_t now_us)
{
    *sent_queue_at(queue, queue->count) = (struct sent_entry){command, now_us};
    queue->count++;
    queue->unwritten++;
}

struct command *sent_queue_pop(struct sent_queue *queue)
{
    struct command *command = sent_queue_at(queue, 0)->command;

    queue->first = (queue->first + 1) & (queue->capacity - 1);
    queue->count--;
    /* the removed command was not written, as after a failure of the connection */
    if (queue->unwritten > queue->count)
        queue->unwritten = queue->count;
    return command;
}

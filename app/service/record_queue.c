/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hash table with a queue (the changes that are not written yet, record_queue.h) for each student
 * about whose state this process writes: a few hundred at most, so it does not grow. Queues that
 * are empty are used again. */
#include "app/service/record_queue.h"

#include <stdlib.h>

enum { QUEUE_BUCKETS = 256 };

struct record_queues {
    /* called with `store` to complete the pipeline of a change that has waited */
    record_resume *resume;
    struct store *store;
    struct record_queue *buckets[QUEUE_BUCKETS];
    /* queues without changes, to be used again; linked by `next` */
    struct record_queue *unused;
};

struct record_queues *record_queues_new(record_resume *resume, struct store *store)
{
    struct record_queues *queues = calloc(1, sizeof(*queues));

    if (queues) {
        queues->resume = resume;
        queues->store = store;
    }
    return queues;
}

/* Releases the queues of a list that is linked by `next`. */
static void queue_free_list(struct record_queue *queue)
{
    while (queue) {
        struct record_queue *next = queue->next;

        free(queue);
        queue = next;
    }
}

void record_queues_free(struct record_queues *queues)
{
    for (size_t i = 0; queues && i < QUEUE_BUCKETS; i++)
        queue_free_list(queues->buckets[i]);
    if (queues)
        queue_free_list(queues->unused);
    free(queues);
}

/* Finds the link that points to the student's queue (changes that are not written yet) in its
 * bucket, so that the caller can remove or insert the queue. The link contains NULL when there is
 * none. */
static struct record_queue **queue_find(struct record_queues *queues, struct str student)
{
    unsigned hash = 5381; /* djb2 */
    struct record_queue **link;

    for (size_t i = 0; i < student.n; i++)
        hash = hash * 33 + (unsigned char)student.p[i];
    link = &queues->buckets[hash % QUEUE_BUCKETS];
    while (*link && !str_equal(student, (struct str){(*link)->student, (*link)->student_n}))
        link = &(*link)->next;
    return link;
}

/* Returns the queue of the student, which is made if there is none: without changes, leader and
 * last written state (packed). NULL: out of memory, or the id is too long. */
static struct record_queue *queue_obtain(struct record_queues *queues, struct str student)
{
    struct record_queue **place = queue_find(queues, student), *queue = *place;

    if (queue || student.n > sizeof(queue->student))
        return queue;
    queue = queues->unused;
    if (queue)
        queues->unused = queue->next;
    else
        queue = malloc(sizeof(*queue));
    if (!queue)
        return NULL;
    queue->next = NULL;
    queue->queues = queues;
    queue->leader = queue->first = NULL;
    queue->packed_n = 0;
    memcpy(queue->student, student.p, student.n);
    queue->student_n = student.n;
    *place = queue;
    return queue;
}

/* Calls record_queue_leave, with the parameter that arena_defer requires: it is called when the
 * memory of the change's request is reset. */
static void queue_leave(void *record)
{
    record_queue_leave(record);
}

bool record_queue_join(struct record_queues *queues, struct record *record, struct arena *arena)
{
    struct record_queue *queue = queue_obtain(queues, record->student);
    struct record **link;

    if (!queue)
        return false;
    link = &queue->first;
    while (*link && (record->follows || !record->list || (*link)->list != record->list))
        link = &(*link)->next;
    record->queue = queue;
    record->arena = arena;
    record->next = *link;
    *link = record;
    return arena_defer(arena, queue_leave, record); /* out of memory: has left already */
}

/* Removes the change from the list of those that wait, if it is in that list. */
static void queue_remove(struct record_queue *queue, const struct record *record)
{
    struct record **link = &queue->first;

    while (*link && *link != record)
        link = &(*link)->next;
    if (*link)
        *link = record->next;
}

void record_queue_lead(struct record *record)
{
    queue_remove(record->queue, record);
    record->queue->leader = record;
}

void record_queue_resume(struct record *record)
{
    if (record->parked)
        record->queue->queues->resume(record->queue->queues->store, record->parked);
    record->parked = NULL;
}

/* Lets one of the changes that wait go on after the leader has ended, to lead and write the others.
 * It is the first that must lead (a script has left it out), as it could wait for ever while others
 * come. Otherwise the one that came last: its request has most time left, and the time limit of the
 * leader is that of all that it writes. Those that are settled (written) or not parked go on by
 * themselves. */
static void queue_resume_next(struct record_queue *queue)
{
    struct record *next = NULL;

    for (struct record *record = queue->first; record && !(next && next->must_lead);
         record = record->next) {
        if (record->parked && !record->is_settled)
            next = record;
    }
    if (next)
        record_queue_resume(next);
}

/* Takes a queue without changes out of the table, and keeps its memory for another queue. */
static void queue_release(struct record_queue *queue)
{
    struct record_queues *queues = queue->queues;
    struct record_queue **place =
        queue_find(queues, (struct str){queue->student, queue->student_n});

    *place = queue->next;
    queue->next = queues->unused;
    queues->unused = queue;
}

void record_queue_leave(struct record *record)
{
    struct record_queue *queue = record->queue;

    if (!queue)
        return;
    record->queue = NULL;
    record->parked = NULL;
    if (queue->leader == record)
        queue->leader = NULL;
    else
        queue_remove(queue, record);
    if (!queue->leader && queue->first)
        queue_resume_next(queue);
    else if (!queue->leader)
        queue_release(queue);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queues: for each student, the changes of this process that are not written yet. One of them is
 * the leader: only it reads what the change needs and writes, by one script for itself and for
 * those that wait (group commit, record_group.h). So a process runs at most one write to a student
 * at a time, and its writes do not race with each other; those of other processes may race with
 * them. */
#ifndef SERVICE_RECORD_QUEUE_H
#define SERVICE_RECORD_QUEUE_H

#include "app/base/ids.h"
#include "app/service/record.h"

/* The queue of a student. A queue without changes is unused: it belongs to no student, and its
 * memory is for the next queue that is needed. */
struct record_queue {
    /* next queue in the same bucket of the hash table, or in the list of unused queues */
    struct record_queue *next;
    struct record_queues *queues;
    char student[ID_MAX]; /* id, without a NUL */
    size_t student_n;
    /* the change that writes for itself and for those that wait; it is not in their list; NULL:
     * none leads at the moment */
    struct record *leader;
    /* the changes that wait for the leader to write them or to end, oldest first, linked by
     * record.next */
    struct record *first;
    /* The packed state (the student's mastery state in binary form) that this process has written
     * last; packed_n 0: none since the queue began. Redis may have a later one. */
    char packed[STATE_PACKED_MAX];
    size_t packed_n;
};

/* Completes the parked pipeline of a change: one that was sent without commands, because the change
 * waits for the leader (record.parked). */
typedef void record_resume(struct store *store, struct pipeline *pipeline);
/* Makes the table of queues. resume: called with `store` when a change whose pipeline is parked may
 * go on. NULL: out of memory. */
struct record_queues *record_queues_new(record_resume *resume, struct store *store);
/* Releases the table and the queues; NULL is ignored. */
void record_queues_free(struct record_queues *queues);
/* Lets the change wait at the end of its student's queue. But a change of a list (the changes of
 * one request, record.list) that follows no other of it (record.follows) is put before those of the
 * list that wait already: it was sent before them, and joins later only because it has read first.
 * It leaves the queue when `arena` is reset, if it has not left before. False: out of memory. */
bool record_queue_join(struct record_queues *queues, struct record *record, struct arena *arena);
/* Makes the change, which waits in a queue without a leader, the leader: the change that writes for
 * itself and for those that wait. */
void record_queue_lead(struct record *record);
/* Removes the change from the student's queue, in which it waits or which it leads; does nothing if
 * it is in none. If the queue has no leader then, one of those that wait goes on. */
void record_queue_leave(struct record *record);
/* Lets the change go on: completes its pipeline, if that is parked (sent without commands, to wait
 * for the queue's leader). */
void record_queue_resume(struct record *record);

#endif

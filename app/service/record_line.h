/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines: for each student, the changes of this process that are not written yet. One of them leads:
 * only it reads what the change needs and writes, for itself and for those that wait (group commit,
 * record_group.h). So a process runs at most one write to a student at a time, and its writes do
 * not race with each other; those of other processes may race with them. */
#ifndef SERVICE_RECORD_LINE_H
#define SERVICE_RECORD_LINE_H

#include "app/base/ids.h"
#include "app/service/record.h"

struct record_line {
    struct record_line *next; /* in the same bucket, or in the list of unused lines */
    struct record_lines *lines;
    char student[ID_MAX]; /* id, without a NUL */
    size_t student_n;
    struct record *leader; /* not in the list of those that wait; NULL: none at the moment */
    struct record *first;  /* the changes that wait, oldest first, linked by record.next */
    /* The packed state of the latest script that succeeded; packed_n 0: none has. Redis may have a
     * later one. */
    char packed[STATE_PACKED_MAX];
    size_t packed_n;
};

/* Completes a pipeline that a change has parked (record.parked). */
typedef void record_resume(struct store *store, struct pipeline *pipeline);
/* resume is called with store. NULL: out of memory. */
struct record_lines *record_lines_new(record_resume *resume, struct store *store);
void record_lines_free(struct record_lines *lines); /* accepts NULL */
/* Lets r wait at the end of its student's line; but a change of a list that does not follow another
 * one (record.list, record.follows) is put before those of its list. It leaves the line when
 * `arena` is reset, if it has not left before. False: out of memory. */
bool record_line_join(struct record_lines *lines, struct record *r, struct arena *arena);
/* Makes r, which waits in a line without a leader, the leader. */
void record_line_lead(struct record *r);
/* Takes r out of its line, whether it waits, leads, or is in none. If the line has no leader then,
 * one of those that wait goes on. */
void record_line_leave(struct record *r);
/* Lets r go on, if its pipeline is parked. */
void record_line_resume(struct record *r);

#endif

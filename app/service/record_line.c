/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hash table with a line (the changes that are not written yet, record_line.h) for each student
 * about whose state this process writes: a few hundred at most, so it does not grow. Lines that are
 * empty are used again. */
#include "app/service/record_line.h"

#include <stdlib.h>

enum { LINE_BUCKETS = 256 };

struct record_lines {
    record_resume *resume;
    struct store *store;
    struct record_line *buckets[LINE_BUCKETS];
    struct record_line *unused;
};

struct record_lines *record_lines_new(record_resume *resume, struct store *store)
{
    struct record_lines *lines = calloc(1, sizeof(*lines));

    if (lines) {
        lines->resume = resume;
        lines->store = store;
    }
    return lines;
}

/* Releases the lines of a list that is linked by `next`. */
static void line_free_list(struct record_line *line)
{
    while (line) {
        struct record_line *next = line->next;

        free(line);
        line = next;
    }
}

void record_lines_free(struct record_lines *lines)
{
    for (size_t i = 0; lines && i < LINE_BUCKETS; i++)
        line_free_list(lines->buckets[i]);
    if (lines)
        line_free_list(lines->unused);
    free(lines);
}

/* Finds the link that points to the student's line (changes that are not written yet) in its
 * bucket, so that the caller can remove or insert the line. The link contains NULL when there is
 * none. */
static struct record_line **line_find(struct record_lines *lines, struct str student)
{
    unsigned hash = 5381; /* djb2 */
    struct record_line **link;

    for (size_t i = 0; i < student.n; i++)
        hash = hash * 33 + (unsigned char)student.p[i];
    link = &lines->buckets[hash % LINE_BUCKETS];
    while (*link && !str_equal(student, (struct str){(*link)->student, (*link)->student_n}))
        link = &(*link)->next;
    return link;
}

/* Returns the line of the student, which is made if there is none: without changes, leader and last
 * written state (packed). NULL: out of memory, or the id is too long. */
static struct record_line *line_obtain(struct record_lines *lines, struct str student)
{
    struct record_line **place = line_find(lines, student), *line = *place;

    if (line || student.n > sizeof(line->student))
        return line;
    line = lines->unused;
    if (line)
        lines->unused = line->next;
    else
        line = malloc(sizeof(*line));
    if (!line)
        return NULL;
    line->next = NULL;
    line->lines = lines;
    line->leader = line->first = NULL;
    line->packed_n = 0;
    memcpy(line->student, student.p, student.n);
    line->student_n = student.n;
    *place = line;
    return line;
}

/* For arena_defer, which calls it when the memory of the change's request is reset. */
static void line_leave(void *record)
{
    record_line_leave(record);
}

bool record_line_join(struct record_lines *lines, struct record *record, struct arena *arena)
{
    struct record_line *line = line_obtain(lines, record->student);
    struct record **link;

    if (!line)
        return false;
    link = &line->first;
    while (*link && (record->follows || !record->list || (*link)->list != record->list))
        link = &(*link)->next;
    record->line = line;
    record->arena = arena;
    record->next = *link;
    *link = record;
    return arena_defer(arena, line_leave, record); /* leaves at once when out of memory */
}

/* Removes the change from the list of those that wait, if it is in that list. */
static void line_remove(struct record_line *line, const struct record *record)
{
    struct record **link = &line->first;

    while (*link && *link != record)
        link = &(*link)->next;
    if (*link)
        *link = record->next;
}

void record_line_lead(struct record *record)
{
    line_remove(record->line, record);
    record->line->leader = record;
}

void record_line_resume(struct record *record)
{
    if (record->parked)
        record->line->lines->resume(record->line->lines->store, record->parked);
    record->parked = NULL;
}

/* The leader has ended: lets one of the changes that wait go on, to lead and write them. It is the
 * first that must lead (scripts leave it out), as it could wait for ever while others come.
 * Otherwise the one that came last: its request has most time left, and the time limit of the
 * leader is that of all that it writes. Those that are settled (written) or not parked go on by
 * themselves. */
static void line_resume_next(struct record_line *line)
{
    struct record *next = NULL;

    for (struct record *record = line->first; record && !(next && next->must_lead);
         record = record->next) {
        if (record->parked && !record->is_settled)
            next = record;
    }
    if (next)
        record_line_resume(next);
}

/* Takes a line without changes out of the table, and keeps its memory for another line. */
static void line_release(struct record_line *line)
{
    struct record_lines *lines = line->lines;
    struct record_line **place = line_find(lines, (struct str){line->student, line->student_n});

    *place = line->next;
    line->next = lines->unused;
    lines->unused = line;
}

void record_line_leave(struct record *record)
{
    struct record_line *line = record->line;

    if (!line)
        return;
    record->line = NULL;
    record->parked = NULL;
    if (line->leader == record)
        line->leader = NULL;
    else
        line_remove(line, record);
    if (!line->leader && line->first)
        line_resume_next(line);
    else if (!line->leader)
        line_release(line);
}

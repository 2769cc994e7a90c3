/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Caches what this process has computed from the histories of students, so that another page or
 * sort of an overview, or the same one again, needs no snapshots. An entry is used only on the same
 * UTC day, and only while the student's state in Redis is the one that it was computed from. It
 * does not contain the consent, which is read with the state each time. The table has a fixed
 * number of places. The hash of a student's id determines the place; a new entry replaces the one
 * in its place. The cache stores hashes instead of ids. */
#ifndef SERVICE_OVERVIEW_CACHE_H
#define SERVICE_OVERVIEW_CACHE_H

#include "app/base/digest.h"
#include "app/domain/statistics.h"
#include "app/store/student.h"

enum { OVERVIEW_CACHE_PLACES = 32768 }; /* three times the members of the largest cohort */

/* What an overview shows of a student's history. */
struct overview_outlook {
    const char *trend; /* "improving", "declining" or "stable"; static text */
    double predicted_score;
    struct interval interval; /* interval of predicted_score */
    bool has_change;          /* there is an earlier score to compare with */
    double change; /* change of the score in the last ATTENTION_DAYS days; only with has_change */
};

struct overview_entry {
    unsigned char student[DIGEST_SIZE]; /* SHA-256 of the id */
    /* stamp of the state from which `outlook` was computed (student_stamp: bytes that no other
     * state of the student has) */
    unsigned char stamp[STATE_STAMP_SIZE];
    /* UTC day on which the outlook was computed; 0: the place is free */
    int32_t today;
    struct overview_outlook outlook;
};

struct overview_cache;

struct overview_cache *overview_cache_new(void);         /* NULL: out of memory */
void overview_cache_free(struct overview_cache *cache);  /* accepts NULL */
void overview_cache_clear(struct overview_cache *cache); /* removes all entries; accepts NULL */
/* Returns the student's entry of this day; NULL: none, or cache is NULL. It is valid until the next
 * call of another function. */
const struct overview_entry *overview_cache_find(const struct overview_cache *cache,
                                                 struct str student, int32_t today);
/* Adds an entry, unless cache is NULL. stamp: from student_stamp, for the state and the history
 * that the outlook was computed from. */
void overview_cache_add(struct overview_cache *cache, struct str student, struct str stamp,
                        int32_t today, const struct overview_outlook *outlook);

#endif

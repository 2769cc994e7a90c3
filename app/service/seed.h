/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes days of history for many students: for demonstrations, tests and load. Each day is
 * recorded as a statement of that day (service/record), so Redis gets exactly what the engine would
 * have stored then. Many students are written concurrently, the days of each student one after the
 * other.
 *
 * History cannot be added before existing data, because a statement of an older day would also
 * change the current state. So all students are checked before anything is written. */
#ifndef SERVICE_SEED_H
#define SERVICE_SEED_H

#include "app/domain/mastery.h"
#include "app/service/engine.h"

struct seed_day {
    int32_t day;
    double components[COMPONENTS];
};

struct seed_student {
    struct str id;
    const struct seed_day *days; /* the n days, ascending, none twice, none in the future */
    size_t n;
};

struct seed {
    const struct seed_student *students; /* the n students, none twice */
    size_t n;
    int64_t now_ms;  /* set by seed_run, when it has read Redis' clock */
    bool keep_going; /* when a student is refused, write the others instead of nothing */
    void *context;   /* first argument of on_refused and on_progress */
    void (*on_refused)(void *context, struct str student, const char *reason);
    /* called after each day with the numbers of days; may be NULL */
    void (*on_progress)(void *context, size_t done, size_t total);
    /* results, set by seed_run */
    size_t students_written, days_written;
};

enum seed_outcome {
    SEED_DONE,
    SEED_REFUSED, /* on_refused was called. Without keep_going nothing is written, unless a student
                     was refused only while writing; days_written says how many days were written
                     before */
    SEED_UNAVAILABLE, /* Redis is unavailable or refuses writes; days in flight may be written */
    SEED_NO_MEMORY,
};

/* Writes the history; blocks until it is done. The time of a statement is 12:00 UTC of its day, or
 * now_ms for today. Takes two round trips for each day and one for each student, which up to 64
 * students share. engine needs no subsystem. */
enum seed_outcome seed_run(struct seed *seed, struct engine *engine);

#endif

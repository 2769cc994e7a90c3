/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Days of history, for demos, tests and load: each day becomes a statement of that day through
 * service/record, so what is stored is exactly what the engine would have stored then. Many
 * students are under way at once; the days of one follow each other.
 *
 * History cannot be put before what is there: a statement of an older day would change the current
 * state and not that day. So all students are looked at before anything is written. */
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
    const struct seed_day *days; /* ascending, none twice, none in the future */
    size_t n;
};

struct seed {
    const struct seed_student *students; /* none twice */
    size_t n;
    int64_t now_ms;
    bool keep_going; /* leave out what cannot be written, instead of writing nothing */
    void *context;   /* the caller's */
    void (*on_refused)(void *own, struct str student, const char *why);
    void (*on_progress)(void *own, size_t done, size_t total); /* in days; may be NULL */
    /* out */
    size_t students_written, days_written;
};

enum seed_outcome {
    SEED_DONE,
    SEED_REFUSED, /* something was, as told; without keep_going nothing is written, unless it came
                   * up only in writing: then what stands in the counts is */
    SEED_UNAVAILABLE, /* the store is away, or takes no writes: what was under way may be written */
    SEED_NO_MEMORY,
};

/* A statement is made at 12:00 UTC of its day, one of today now. Takes two round trips a day and
 * one a student, those of up to 64 students together. engine: without parts. */
enum seed_outcome seed_run(struct seed *seed, struct engine *engine);

#endif

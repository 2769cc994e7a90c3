/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts how many predictions came true: compares the predictions of all students with their later
 * scores, when a worker starts and once a day, in the worker that holds the lease of shard 0. The
 * counts are stored in Redis, for /api/v1/predictions/config, and shown by two gauges. Each pass
 * over all students counts from 0, so a pass that is repeated counts nothing twice. Students who
 * have withdrawn consent to analytics are left out. */
#ifndef WORKER_CALIBRATION_H
#define WORKER_CALIBRATION_H

#include "app/domain/calibration.h"
#include "app/store/scan_cursor.h"
#include "app/worker/periodic.h"
#include "app/worker/shards.h"

struct calibration_pass {
    struct worker_context *worker;
    const struct shards *shards;
    struct periodic schedule; /* when the next step of the pass runs: one SCAN and the reads of the
                                 students in its reply */
    char cursor[SCAN_CURSOR_SIZE]; /* cursor of the next SCAN */
    struct calibration counts;     /* counts of this pass so far */
    /* this worker has set the gauges; they become 0 when it loses the lease */
    bool published;
};

/* Prepares the passes over all students, which count the predictions that came true. */
void calibration_init(struct calibration_pass *pass, struct worker_context *worker,
                      const struct shards *shards);
/* Called in every loop iteration: starts the next step of a pass over all students if one is due.
 */
void calibration_tick(struct calibration_pass *pass);

#endif

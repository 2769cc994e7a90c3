/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compares the predictions of all students with the scores that came true, when a worker starts and
 * once a day, in the worker that holds the lease of shard 0. The result is in Redis, for
 * /api/v1/predictions/config, and in two gauges. Each pass counts anew, so that one that is
 * repeated counts nothing twice. Students who have withdrawn consent to analytics are left out. */
#ifndef WORKER_CALIBRATION_H
#define WORKER_CALIBRATION_H

#include "app/domain/calibration.h"
#include "app/worker/periodic.h"
#include "app/worker/shards.h"

struct calibration_pass {
    struct worker_context *worker;
    const struct shards *shards;
    struct periodic schedule; /* when the next step runs: one SCAN, with what it finds */
    char cursor[24];          /* cursor of the next SCAN */
    struct calibration counts;
    bool published; /* the gauges are set */
};

void calibration_init(struct calibration_pass *pass, struct worker_context *w,
                      const struct shards *shards);
void calibration_tick(struct calibration_pass *pass);

#endif

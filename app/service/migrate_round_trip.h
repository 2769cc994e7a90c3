/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all steps of a migration (migrate.h) need: the connection to Redis, and memory. */
#ifndef SERVICE_MIGRATE_ROUND_TRIP_H
#define SERVICE_MIGRATE_ROUND_TRIP_H

#include "app/base/problem.h"
#include "app/service/engine.h"

struct migrate {
    struct engine *engine;
    struct arena *arena; /* memory of one conversion: reset before each call of a converter */
};

/* Sends the pipeline's commands and waits for their replies. False with a problem when Redis cannot
 * be reached, or has replied to one of them with an error. */
bool migrate_round_trip(struct migrate *migrate, struct pipeline *pipeline, struct problem *p);

#endif

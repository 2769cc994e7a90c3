/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One round trip of a migration: a file of its own, because converters need it and the table of
 * converters needs them. */
#include "app/service/migrate_round_trip.h"

#include "app/store/reply.h"

bool migrate_round_trip(struct migrate *migrate, struct pipeline *pipeline, struct problem *p)
{
    if (store_wait(migrate->engine->store, pipeline))
        return pipeline_check_replies(pipeline, p);
    problem_unavailable(p, 1);
    return false;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The converters of a student's records (migrate.h). To be deleted with app/store/schema_1.h. */
#ifndef SERVICE_MIGRATE_STUDENT_H
#define SERVICE_MIGRATE_STUDENT_H

#include "app/service/migrate_round_trip.h"

/* Streams with more events are left as they are: their script would hold up other commands for too
 * long. Readers accept both forms of an event, and the old ones expire. */
enum { MIGRATE_EVENTS_MAX = 1900 };

/* Moves snapshots and openings (states with which days ended and began) from a key for each to the
 * student's closed days, one text. *ret_converted: number of keys that were moved. */
bool migrate_days(struct migrate *migrate, struct str student, int64_t *ret_converted,
                  struct problem *p);
/* Moves the marks of counted events, by which an event is not counted twice, to their buckets (a
 * hash field for several marks). Adds the number of moved marks to *ret_converted. */
bool migrate_marks(struct migrate *migrate, struct str student, int64_t *ret_converted,
                   struct problem *p);
/* Packs the events of the student's stream. *ret_converted: number of events that were packed. */
bool migrate_events(struct migrate *migrate, struct str student, int64_t *ret_converted,
                    struct problem *p);
/* Deletes the stored result (field "m" of the profile), which is now computed from the state.
 * *ret_converted: 1 if there was one, else 0. */
bool migrate_result(struct migrate *migrate, struct str student, int64_t *ret_converted,
                    struct problem *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The migration of a store from the forms of 0.1.0 to packed ones (app/store/schema.h), for
 * mastery-ctl migrate. It runs while programs of this version use the store, and may be cut short
 * at any point and run again: each step converts a few records by one script, which changes nothing
 * if they have changed since they were read. */
#ifndef SERVICE_MIGRATE_H
#define SERVICE_MIGRATE_H

#include "app/service/migrate_round_trip.h"

/* Converts one kind of record, by of_student or of_shard; the other one is NULL. Each waits for
 * Redis itself (migrate_round_trip). *ret_converted: how many records it has converted; the caller
 * sets it to 0 before, and it may stay so. False with a problem, after which the migration ends. */
struct converter {
    const char *name; /* name of the records, in the plural, for reports */
    bool (*of_student)(struct migrate *migrate, struct str student, int64_t *ret_converted,
                       struct problem *p);
    bool (*of_shard)(struct migrate *migrate, unsigned shard, int64_t *ret_converted,
                     struct problem *p);
};

/* All converters, in the order in which they run. */
extern const struct converter converters[];
extern const size_t converter_count;

/* Raises the schema number to SCHEMA_MIXED and writes the fence of each shard, a key that scripts
 * check: after that, none of them writes a record in a form of 0.1.0. *ret_number: the store's
 * number; with SCHEMA_PACKED there is nothing to convert. False with a problem. */
bool migrate_begin(struct migrate *migrate, int64_t *ret_number, struct problem *p);
/* Raises the schema number to SCHEMA_PACKED, when all converters have run for all students and
 * shards. False with a problem. */
bool migrate_end(struct migrate *migrate, struct problem *p);

#endif

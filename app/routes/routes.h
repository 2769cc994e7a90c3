/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All endpoints: one table an area, one file a table. */
#ifndef ROUTES_ROUTES_H
#define ROUTES_ROUTES_H

#include "app/http/route.h"

extern const struct route_table ops_routes;
extern const struct route_table mastery_routes;
extern const struct route_table ingest_routes;
extern const struct route_table cohort_routes;

/* All of them, in the order of the document. */
const struct route_table *route_tables(size_t *ret_count);

#endif

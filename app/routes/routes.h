/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All endpoints: one table an area, one file a table. */
#ifndef ROUTES_ROUTES_H
#define ROUTES_ROUTES_H

#include "app/http/route.h"

extern const struct route_table ops_routes;
extern const struct route_table mastery_routes;
extern const struct route_table ingest_routes;
extern const struct route_table recommendation_routes;
extern const struct route_table cohort_routes;
extern const struct route_table audit_routes;
extern const struct route_table prediction_routes;
extern const struct route_table analytics_routes;
extern const struct route_table analytics_cohort_routes;
extern const struct route_table analytics_student_routes;
extern const struct route_table batch_routes;
extern const struct route_table compliance_routes;
extern const struct route_table compliance_data_routes;
extern const struct route_table process_routes;
extern const struct route_table dapr_routes;
extern const struct route_table xapi_routes;

/* In no table, since nobody can ask for it by a path: what an intent without components becomes. */
extern const struct route mastery_recompute;

/* All of them, in the order of the document. */
const struct route_table *route_tables(size_t *ret_count);

#endif

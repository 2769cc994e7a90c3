/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All endpoints of the API: one table of routes for each area (subject), and one file for each
 * table. */
#ifndef ROUTES_ROUTES_H
#define ROUTES_ROUTES_H

#include "app/http/route.h"

extern const struct route_table ops_routes;
extern const struct route_table mastery_routes;
extern const struct route_table mastery_explain_routes;
extern const struct route_table mastery_topics_routes;
extern const struct route_table ingest_routes;
extern const struct route_table events_routes;
extern const struct route_table recommendation_routes;
extern const struct route_table cohort_routes;
extern const struct route_table cohort_overview_routes;
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

/* The route that recomputes the score of a student from stored data. It is in no table, because it
 * has no path: /api/v1/process delegates to it when the intent mastery_calculation has no
 * components. */
extern const struct route mastery_recompute;

/* The rules of routes to which /api/v1/process delegates, by which the OpenAPI document describes
 * their payloads. */
extern const struct rule mastery_calculate_rules[], mastery_recompute_rules[];
extern const struct rule prediction_next_week_rules[], recommendation_path_rules[];
extern const struct rule batch_submit_rules[], analytics_period_rules[];
/* For the OpenAPI document only: the fields that a payload of mastery_calculation may have besides
 * those of mastery_recompute_rules. */
extern const struct rule mastery_payload_rules[];

/* Returns all tables, in the order of the OpenAPI document, in static memory; sets *ret_count to
 * their number. */
const struct route_table *route_tables(size_t *ret_count);

#endif

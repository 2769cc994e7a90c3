/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of all areas (the routes of one subject, in one file and one table). To add an area: a
 * line here, a line in routes.h, and its file. */
#include "app/routes/routes.h"

static const struct route_table *const areas[] = {
    /* clang-format off */
    &ops_routes,
    &mastery_routes,
    &mastery_explain_routes,
    &mastery_topics_routes,
    &ingest_routes,
    &events_routes,
    &xapi_routes,
    &recommendation_routes,
    &cohort_routes,
    &cohort_overview_routes,
    &audit_routes,
    &prediction_routes,
    &analytics_routes,
    &analytics_cohort_routes,
    &analytics_student_routes,
    &batch_routes,
    &compliance_routes,
    &compliance_data_routes,
    &process_routes,
    &dapr_routes,
    /* clang-format on */
};
enum { AREAS = sizeof(areas) / sizeof(areas[0]) };

/* Copies the tables, to which `areas` points, into the one array that the router needs. */
const struct route_table *route_tables(size_t *ret_count)
{
    static struct route_table tables[AREAS];

    for (size_t i = 0; i < AREAS; i++)
        tables[i] = *areas[i];
    *ret_count = AREAS;
    return tables;
}

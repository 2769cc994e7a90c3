/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The named schemas of the OpenAPI document: the bodies of requests and responses, and the forms of
 * their fields (rule.h). Each is written once, as a component, and referred to by its name, which
 * generators of clients make the name of a type. */
#ifndef HTTP_OPENAPI_OBJECTS_H
#define HTTP_OPENAPI_OBJECTS_H

#include "app/base/json_write.h"
#include "app/http/openapi_schema.h"
#include "app/http/route.h"

/* Writes the member $ref that refers to the schema of the body of the route. side: whether of its
 * request or of its response. */
void objects_write_reference(const struct route *route, enum schema_side side, struct jw *w);
/* Writes a component for each named schema that the routes need, as members of the object that the
 * caller has opened. */
void objects_write_components(const struct route_table *tables, size_t count, struct jw *w);
/* The choices of the field of the table that selects one of the forms; ends with NULL. */
const char *const *objects_choices(const struct rule *rules, const struct rule_forms *forms);
/* The rule whose forms are selected by another field of the table; NULL: none. */
const struct rule *objects_selected(const struct rule *rules);

#endif

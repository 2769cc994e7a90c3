/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The named schemas of the OpenAPI document: the bodies of requests and responses, and the forms of
 * their fields (rule.h). Each is written once, as a component; the operations refer to it by its
 * name, which code generators use as the name of a type. */
#ifndef HTTP_OPENAPI_OBJECTS_H
#define HTTP_OPENAPI_OBJECTS_H

#include "app/base/json_write.h"
#include "app/http/openapi_schema.h"
#include "app/http/route.h"

/* Writes the member $ref that refers to the schema of the route's request body or response body
 * (side). */
void objects_write_reference(const struct route *route, enum schema_side side, struct jw *w);
/* Writes a component for each named schema that the routes need, as members of the object that the
 * caller has opened. */
void objects_write_components(const struct route_table *tables, size_t count, struct jw *w);
/* Returns the choices of the field (forms->by) whose value selects one of the forms; ends with
 * NULL. */
const char *const *objects_choices(const struct rule *rules, const struct rule_forms *forms);
/* Returns the rule of the table whose form another field selects; NULL: there is none. */
const struct rule *objects_selected(const struct rule *rules);

#endif

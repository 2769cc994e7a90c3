/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks the fields of which a client sends some instead of others (struct rule_option), such as a
 * list of students instead of the id of a cohort. */
#ifndef HTTP_OPTIONS_H
#define HTTP_OPTIONS_H

#include <json-c/json.h>

#include "app/http/field.h"

/* Adds a field error for each field that contradicts another one or is missing. object: JSON with
 * the fields; NULL when all are absent. field: path of the object; NULL: the whole body. */
void options_check(const struct binding *binding, const struct rule *rules,
                   struct json_object *object, const struct field_path *field);

#endif

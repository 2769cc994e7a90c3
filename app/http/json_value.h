/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Short accessors for values that json-c has parsed. Like json-c, they take NULL for a value that
 * is absent or null. */
#ifndef HTTP_JSON_VALUE_H
#define HTTP_JSON_VALUE_H

#include <json-c/json.h>

#include "app/base/arena.h"

/* The text of a string, which lives as long as the value does; p is NULL for any other value. */
struct str json_value_text(struct json_object *value);
/* The member of that name; NULL when it is absent or null, or when object is no object. */
struct json_object *json_value_member(struct json_object *object, const char *name);
/* The text of that member, when it is a string; else p is NULL. */
struct str json_value_member_text(struct json_object *object, const char *name);
bool json_value_is_number(const struct json_object *value);
/* A new empty object that is released with the arena; NULL without memory. */
struct json_object *json_value_new_object(struct arena *arena);

#endif

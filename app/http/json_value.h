/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Short accessors for values that json-c has parsed. Like json-c, they take NULL for a value that
 * is absent or null. */
#ifndef HTTP_JSON_VALUE_H
#define HTTP_JSON_VALUE_H

#include <json-c/json.h>

#include "app/base/arena.h"

/* Returns the text of a JSON string, valid as long as the value; p is NULL for a value of another
 * type. */
struct str json_value_text(struct json_object *value);
/* Returns the object's member with this name; NULL when it is absent or null, or when object is no
 * object. */
struct json_object *json_value_member(struct json_object *object, const char *name);
/* Returns the text of the object's member with this name; p is NULL when the member is not a
 * string. */
struct str json_value_member_text(struct json_object *object, const char *name);
/* Returns whether the value is a number, whole or not. */
bool json_value_is_number(const struct json_object *value);
/* Returns a new empty object that is released with the arena; NULL when out of memory. */
struct json_object *json_value_new_object(struct arena *arena);

#endif

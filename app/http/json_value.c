/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Short accessors for values of the library json-c. json.c parses texts into such values, and
 * validate.c checks them against the rules of a route. */
#include "app/http/json_value.h"

struct str json_value_text(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string))
        return (struct str){0};
    return (struct str){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

struct json_object *json_value_member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;

    /* value stays NULL when there is no such member */
    (void)json_object_object_get_ex(object, name, &value);
    return value;
}

struct str json_value_member_text(struct json_object *object, const char *name)
{
    return json_value_text(json_value_member(object, name));
}

bool json_value_is_number(const struct json_object *value)
{
    return json_object_is_type(value, json_type_int) ||
           json_object_is_type(value, json_type_double);
}

/* Called when the arena is reset: releases what json-c has allocated. */
static void json_value_release(void *object)
{
    (void)json_object_put(object);
}

struct json_object *json_value_new_object(struct arena *arena)
{
    struct json_object *object = json_object_new_object();

    if (!object || !arena_defer(arena, json_value_release, object))
        return NULL;
    return object;
}

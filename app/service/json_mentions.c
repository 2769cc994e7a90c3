/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/json_mentions.h"

#include <json-c/json.h>

/* With a quote on each side. */
static bool quoted_in(struct str text, struct str id)
{
    const char *end = text.p + text.n, *p = text.p;

    while (p && (p = memmem(p, (size_t)(end - p), id.p, id.n))) {
        if (p > text.p && p[-1] == '"' && p + id.n < end && (p[id.n] == '"' || p[id.n] == '\\'))
            return true;
        p++;
    }
    return false;
}

/* A number is an id only where an event has one: anywhere else it counts something. */
static bool is_number_of(const char *key, struct json_object *json, struct str id)
{
    enum json_type type = json_object_get_type(json);

    return (type == json_type_int || type == json_type_double) &&
           (strcmp(key, "student_id") == 0 || strcmp(key, "subject") == 0) &&
           str_equal(str_of(json_object_to_json_string(json)), id);
}

static struct str text_of(struct json_object *string)
{
    return (struct str){json_object_get_string(string), (size_t)json_object_get_string_len(string)};
}

static bool in_json(struct json_object *json, struct str id)
{
    struct str text;

    switch (json_object_get_type(json)) {
    case json_type_string: text = text_of(json); return str_equal(text, id) || quoted_in(text, id);
    case json_type_array:
        for (size_t i = 0; i < json_object_array_length(json); i++) {
            if (in_json(json_object_array_get_idx(json, i), id))
                return true;
        }
        return false;
    case json_type_object:
        for (struct json_object_iterator at = json_object_iter_begin(json),
                                         end = json_object_iter_end(json);
             !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
            struct json_object *value = json_object_iter_peek_value(&at);

            if (is_number_of(json_object_iter_peek_name(&at), value, id) || in_json(value, id))
                return true;
        }
        return false;
    case json_type_null:
    case json_type_boolean:
    case json_type_int:
    case json_type_double: break;
    }
    return false;
}

static struct json_object *parse(struct str text)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *json = tokener ? json_tokener_parse_ex(tokener, text.p, (int)text.n) : NULL;

    json_tokener_free(tokener);
    return json;
}

bool json_mentions_id(struct str text, struct str student)
{
    struct json_object *json;
    bool found;

    if (!memmem(text.p, text.n, student.p, student.n))
        return false;
    json = parse(text);
    found = json ? in_json(json, student) : quoted_in(text, student);
    (void)json_object_put(json);
    return found;
}

static bool is_member(struct json_object *json, const char *name, struct str id)
{
    struct json_object *value;

    return json_object_object_get_ex(json, name, &value) &&
           json_object_is_type(value, json_type_string) && str_equal(text_of(value), id);
}

bool entry_belongs_to(struct str text, struct str student)
{
    struct json_object *json;
    bool found;

    if (!quoted_in(text, student))
        return false;
    json = parse(text);
    found = !json_object_is_type(json, json_type_object) ||
            is_member(json, "student_id", student) || is_member(json, "subject", student);
    (void)json_object_put(json);
    return found;
}

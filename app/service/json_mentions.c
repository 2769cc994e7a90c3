/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Searches texts for a student's id, for an erasure. A plain search for the bytes of the id comes
 * first, because most texts concern other students; only texts that have these bytes are parsed.
 * They are parsed leniently, so that damaged JSON is searched, too. For damaged texts it is better
 * to delete too much than to leave personal data. */
#include "app/service/json_mentions.h"

#include "app/http/json_value.h"

/* True when the text has the id between two quotes. The second quote may have a backslash before
 * it, as in JSON that is a text within JSON. */
static bool mentions_quoted(struct str text, struct str id)
{
    const char *end = text.p + text.n, *p = text.p;

    while (p && (p = memmem(p, (size_t)(end - p), id.p, id.n))) {
        if (p > text.p && p[-1] == '"' && p + id.n < end && (p[id.n] == '"' || p[id.n] == '\\'))
            return true;
        p++;
    }
    return false;
}

/* True when the member `key` is a number that reads like the id. This counts only for the members
 * that have a student's id in events; other numbers are quantities. json-c limits a number to 64
 * bits, so a number of 19 digits or more cannot be compared: the text has the bytes of the id, and
 * that must suffice. */
static bool mentions_as_number(const char *key, struct json_object *json, struct str id)
{
    return json_value_is_number(json) &&
           (strcmp(key, "student_id") == 0 || strcmp(key, "subject") == 0) &&
           (id.n >= 19 || str_equal(str_of(json_object_to_json_string(json)), id));
}

/* True when the value or a value in it mentions the id. The recursion is limited, as json-c refuses
 * texts that are nested more than 32 levels deep. */
static bool mentions_in_value(struct json_object *json, struct str id)
{
    struct str text;

    switch (json_object_get_type(json)) {
    case json_type_string:
        text = json_value_text(json);
        return str_equal(text, id) || mentions_quoted(text, id);
    case json_type_array:
        for (size_t i = 0; i < json_object_array_length(json); i++) {
            if (mentions_in_value(json_object_array_get_idx(json, i), id))
                return true;
        }
        return false;
    case json_type_object:
        for (struct json_object_iterator at = json_object_iter_begin(json),
                                         end = json_object_iter_end(json);
             !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
            struct json_object *value = json_object_iter_peek_value(&at);

            if (mentions_as_number(json_object_iter_peek_name(&at), value, id) ||
                mentions_in_value(value, id))
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

/* Parses JSON leniently; NULL when the text is no JSON, or when out of memory. */
static struct json_object *mentions_parse(struct str text)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *json = tokener ? json_tokener_parse_ex(tokener, text.p, (int)text.n) : NULL;

    json_tokener_free(tokener);
    return json;
}

/* Of a text that has the bytes of the id, every value in its JSON is compared with the id. A text
 * that cannot be parsed, also because memory runs out, is searched for the id in quotes. */
bool json_mentions_id(struct str text, struct str student)
{
    struct json_object *json;
    bool found;

    if (!memmem(text.p, text.n, student.p, student.n))
        return false;
    json = mentions_parse(text);
    found = json ? mentions_in_value(json, student) : mentions_quoted(text, student);
    (void)json_object_put(json);
    return found;
}

/* Only the two members that name the entry's student are compared with the id, since the id in
 * other members, such as the actor, does not make the entry the student's. `json` is NULL when the
 * text cannot be parsed, and so no object: the entry is then deleted. */
bool entry_belongs_to(struct str text, struct str student)
{
    struct json_object *json;
    bool found;

    if (!mentions_quoted(text, student))
        return false;
    json = mentions_parse(text);
    found = !json_object_is_type(json, json_type_object) ||
            str_equal(json_value_member_text(json, "student_id"), student) ||
            str_equal(json_value_member_text(json, "subject"), student);
    (void)json_object_put(json);
    return found;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Searches for a student's id in an entry of a journal or outbox. The bytes of the id are searched
 * first, because most entries concern other students; only entries that have these bytes are
 * parsed. The parser is lenient, so that damaged JSON is searched, too: to delete too much is
 * better than to leave personal data. */
#include "app/service/json_mentions.h"

#include "app/http/json_value.h"

/* Returns whether the text has the id between two quotes. In JSON that is stored as a text within
 * JSON, quotes are preceded by a backslash, so a backslash may follow the id. */
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

/* Parses JSON leniently (json-c without strict mode); NULL when the text is no JSON, or when out of
 * memory. The caller releases the result. */
static struct json_object *mentions_parse(struct str text)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *json = tokener ? json_tokener_parse_ex(tokener, text.p, (int)text.n) : NULL;

    json_tokener_free(tokener);
    return json;
}

/* Compares only the two members that name the entry's student: the id in another member, such as
 * the actor, does not make the entry the student's. A text that cannot be parsed or is not an
 * object counts as the student's, so that it is deleted. */
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

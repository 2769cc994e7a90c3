/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes the tables by which statements are checked as JSON Schema. Checks of several keys together
 * (struct xapi_key, check) cannot be expressed in it. */
#include "app/ingest/xapi_schema.h"

#include "app/ingest/xapi_key.h"

/* The values of the JSON Schema keywords `format` and `pattern` for the forms of strings, by enum
 * xapi_form; NULL: the schema does not have the keyword. */
static const struct {
    const char *format, *pattern;
} text_schemas[] = {
    [FORM_TEXT] = {NULL, NULL},
    [FORM_IRI] = {NULL, "^[A-Za-z][A-Za-z0-9+.-]*:."},
    [FORM_MAILTO] = {NULL, "^mailto:[^@]+@[^@]+$"},
    [FORM_UUID] = {NULL, "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"},
    [FORM_SHA1] = {NULL, "^[0-9A-Fa-f]{40}$"},
    [FORM_TIME] = {"date-time", NULL},
    [FORM_DURATION] = {"duration", NULL},
    [FORM_LANGUAGE] = {NULL, "^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$"},
    [FORM_VERSION] = {NULL, "^(1|2)\\.0(\\.[0-9]+)?$"},
    [FORM_CHOICE] = {NULL, NULL},
};

static void xapi_write_object(const struct xapi_key *keys, struct jw *w);

/* Writes the schema of a string: its format or pattern, or the values that FORM_CHOICE allows. */
static void xapi_write_text(const struct xapi_key *key, struct jw *w)
{
    jw_text(w, "type", "string");
    if (text_schemas[key->form].format)
        jw_text(w, "format", text_schemas[key->form].format);
    if (text_schemas[key->form].pattern)
        jw_text(w, "pattern", text_schemas[key->form].pattern);
    if (key->form != FORM_CHOICE)
        return;
    jw_array(w, "enum");
    for (const char *const *choice = key->choices; *choice; choice++)
        jw_text(w, NULL, *choice);
    jw_array_end(w);
}

/* Writes the schema of a list of objects with these keys, or of texts if keys is NULL. */
static void xapi_write_list(const struct xapi_key *keys, struct jw *w)
{
    jw_text(w, "type", "array");
    jw_object(w, "items");
    if (keys)
        xapi_write_object(keys, w);
    else
        jw_text(w, "type", "string");
    jw_object_end(w);
}

/* Writes the schema of an object whose keys are not fixed by a table. of_texts: its values must be
 * texts. */
static void xapi_write_map(bool of_texts, struct jw *w)
{
    jw_text(w, "type", "object");
    if (!of_texts)
        return;
    jw_object(w, "additionalProperties");
    jw_text(w, "type", "string");
    jw_object_end(w);
}

/* Writes the schema of a value that is an object with these keys, or a list of such objects. */
static void xapi_write_one_or_many(const struct xapi_key *keys, struct jw *w)
{
    jw_array(w, "oneOf");
    jw_object(w, NULL);
    xapi_write_object(keys, w);
    jw_object_end(w);
    jw_object(w, NULL);
    xapi_write_list(keys, w);
    jw_object_end(w);
    jw_array_end(w);
}

/* Writes the members of the schema of a value, such as type and minimum. */
static void xapi_write_value(const struct xapi_key *key, struct jw *w)
{
    switch (key->form) {
    case FORM_NUMBER: jw_text(w, "type", "number"); break;
    case FORM_WHOLE:
        jw_text(w, "type", "integer");
        jw_int(w, "minimum", 0);
        break;
    case FORM_BOOL: jw_text(w, "type", "boolean"); break;
    case FORM_LANGUAGES: xapi_write_map(/* of_texts */ true, w); break;
    case FORM_EXTENSIONS: xapi_write_map(/* of_texts */ false, w); break;
    case FORM_OBJECT: xapi_write_object(key->keys, w); break;
    case FORM_OBJECTS: xapi_write_list(key->keys, w); break;
    case FORM_ONE_OR_MANY: xapi_write_one_or_many(key->keys, w); break;
    case FORM_TEXTS: xapi_write_list(NULL, w); break;
    case FORM_TEXT:
    case FORM_IRI:
    case FORM_MAILTO:
    case FORM_UUID:
    case FORM_SHA1:
    case FORM_TIME:
    case FORM_DURATION:
    case FORM_LANGUAGE:
    case FORM_VERSION:
    case FORM_CHOICE: xapi_write_text(key, w); break;
    }
}

/* Writes the schema of an object that may have the keys of the table and no others. */
static void xapi_write_object(const struct xapi_key *keys, struct jw *w)
{
    jw_text(w, "type", "object");
    jw_object(w, "properties");
    for (const struct xapi_key *key = keys; key->name; key++) {
        jw_object(w, key->name);
        xapi_write_value(key, w);
        jw_object_end(w);
    }
    jw_object_end(w);
    jw_array(w, "required");
    for (const struct xapi_key *key = keys; key->name; key++) {
        if (key->required)
            jw_text(w, NULL, key->name);
    }
    jw_array_end(w);
    jw_bool(w, "additionalProperties", false);
}

void xapi_write_schema(struct jw *w)
{
    xapi_write_object(xapi_statement_keys, w);
}

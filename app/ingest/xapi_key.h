/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of xapi_form.c. They are used to check statements, and to describe statements in the
 * OpenAPI document. */
#ifndef INGEST_XAPI_KEY_H
#define INGEST_XAPI_KEY_H

#include <json-c/json.h>

#include "app/http/field.h"

/* The form of a key's value. The forms up to and including FORM_CHOICE are forms of a JSON
 * string. */
enum xapi_form {
    FORM_TEXT,
    FORM_IRI,
    FORM_MAILTO,
    FORM_UUID,
    FORM_SHA1,
    FORM_TIME,
    FORM_DURATION,
    FORM_LANGUAGE,
    FORM_VERSION,
    FORM_CHOICE, /* one of the texts in xapi_key.choices */
    FORM_NUMBER,
    FORM_WHOLE, /* a number without a fraction, 0 or more */
    FORM_BOOL,
    FORM_LANGUAGES,   /* an object: language tag to text */
    FORM_EXTENSIONS,  /* an object: IRI to any value, null included */
    FORM_OBJECT,      /* an object with the keys of the table xapi_key.keys */
    FORM_OBJECTS,     /* a list of objects with these keys */
    FORM_ONE_OR_MANY, /* one object with these keys, or a list of them */
    FORM_TEXTS        /* a list of texts */
};

/* A key that an object may have. The last row of a list has the name NULL. */
struct xapi_key {
    const char *name;
    enum xapi_form form;
    bool required;
    const struct xapi_key *keys; /* keys of the value, for the forms of objects; else NULL */
    const char *const *choices;  /* NULL-terminated values of FORM_CHOICE; else NULL */
    /* Set only in the last row of a table of rules: checks several keys of the object together.
     * NULL: there is no such check. */
    void (*check)(struct json_object *object, const struct field_path *path,
                  const struct binding *binding);
};

/* The keys of a statement. */
extern const struct xapi_key *const xapi_statement_keys;

#endif

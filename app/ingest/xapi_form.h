/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The form of an xAPI 1.0.3 statement (xAPI-Data.md), as strict as the standard asks: a key that it
 * does not know, a null outside extensions, a value of another type or form refuses the statement.
 * Only what the engine can map is let through: actor an Agent with an account, object an Activity.
 */
#ifndef INGEST_XAPI_FORM_H
#define INGEST_XAPI_FORM_H

#include <json-c/json.h>

#include "app/http/field.h"

/* Names every fault, `at` (NULL: nothing) before the fields' own paths. */
void xapi_check_form(struct json_object *statement, const struct field_path *at,
                     const struct binding *l);

#endif

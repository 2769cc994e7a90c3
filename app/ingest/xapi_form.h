/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks the form of xAPI 1.0.3 statements as strictly as the standard (xAPI-Data.md) requires: an
 * unknown key, a null outside of extensions, or a value of another type or form is an error. In one
 * point the check is stricter: the actor must be an Agent and the object an Activity, because no
 * other statement can be converted to a learning event. */
#ifndef INGEST_XAPI_FORM_H
#define INGEST_XAPI_FORM_H

#include <json-c/json.h>

#include "app/http/field.h"

/* Reports every fault of the statement as a field error in binding->problem. path is the
 * statement's place in the request's body; NULL when the statement is the whole body. */
void xapi_check_form(struct json_object *statement, const struct field_path *path,
                     const struct binding *binding);

#endif

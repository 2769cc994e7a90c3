/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The form of an xAPI 1.0.3 statement (xAPI-Data.md), as strict as the standard demands: an unknown
 * key, a null outside extensions, or a value of another type or form is an error. Stricter in one
 * point: only what can be mapped passes, an actor that is an Agent and an object that is an
 * Activity. */
#ifndef INGEST_XAPI_FORM_H
#define INGEST_XAPI_FORM_H

#include <json-c/json.h>

#include "app/http/field.h"

/* Reports every fault as a field error under path; NULL: the statement is the whole body. */
void xapi_check_form(struct json_object *statement, const struct field_path *path,
                     const struct binding *binding);

#endif

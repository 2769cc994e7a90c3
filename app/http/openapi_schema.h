/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes rules as JSON Schema (2020-12, which OpenAPI 3.1 uses). */
#ifndef HTTP_OPENAPI_SCHEMA_H
#define HTTP_OPENAPI_SCHEMA_H

#include "app/base/json_write.h"
#include "app/http/rule.h"

/* Whether a schema describes a request, whose fields may have default values, or a response. */
enum schema_side { SCHEMA_REQUEST, SCHEMA_RESPONSE };

/* Writes the schema of one rule under a key. */
void schema_write(const struct rule *rule, const char *key, enum schema_side side, struct jw *w);
/* Writes the text "#/components/schemas/NAME" under the key. */
void schema_write_pointer(const char *key, const char *name, struct jw *w);
/* Writes the member $ref: "#/components/schemas/NAME", by which a schema refers to another one. */
void schema_write_reference(const char *name, struct jw *w);
/* Writes an object that is a reference to a schema; key: NULL in a list. */
void schema_write_reference_member(const char *key, const char *name, struct jw *w);
/* Writes the beginning of a body: "content": {type: {. type: media type. The caller then writes the
 * member "schema" and calls schema_end_content. */
void schema_begin_content(const char *type, struct jw *w);
/* Ends the body that schema_begin_content has begun. */
void schema_end_content(struct jw *w);

#endif

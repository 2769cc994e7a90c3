/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The JSON Schema of xAPI statements, for the OpenAPI document. */
#ifndef INGEST_XAPI_SCHEMA_H
#define INGEST_XAPI_SCHEMA_H

#include "app/base/json_write.h"

/* Writes the members of the schema of one statement. */
void xapi_write_schema(struct jw *w);

#endif

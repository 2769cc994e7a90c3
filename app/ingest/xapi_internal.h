/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the files of xAPI: xapi.c reads a statement, xapi_map.c turns it into an event's type and
 * data, xapi_digest.c compares statements. All of them rely on xapi_check_form having passed. */
#ifndef INGEST_XAPI_INTERNAL_H
#define INGEST_XAPI_INTERNAL_H

#include "app/http/field.h"
#include "app/ingest/event_input.h"

struct xapi_reader {
    struct json_object *statement;
    struct json_object *result, *context; /* members of the statement; may be NULL */
    struct str object_id;
    const struct binding *binding;
    const struct field_path *path; /* of the statement in its list; NULL: it came alone */
    size_t errors_before;          /* field errors of other statements in the same problem */
    struct json_object *data;      /* the event's data, as ingest would get it */
};

/* A field error at path.outer.name; outer NULL: at path.name. */
void xapi_refuse(const struct xapi_reader *r, const char *outer, const char *name,
                 const char *message);
/* The row of the mapping table for the statement's verb and activity type; NULL with a field error
 * when it has none. */
const struct xapi_mapping *xapi_find_mapping(const struct xapi_reader *r);
/* Fills r->data as the row says; what is missing is a field error. Returns the event's type. */
enum event_type xapi_map_data(const struct xapi_mapping *mapping, struct xapi_reader *r);
/* A hexadecimal digest that is equal for equal statements; p is NULL without memory. */
struct str xapi_digest(struct json_object *statement, struct arena *arena);

#endif

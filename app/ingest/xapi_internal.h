/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of xAPI share: xapi.c reads a statement, xapi_map.c makes the type and data of a
 * learning event of it, xapi_digest.c makes the digest by which statements are compared. All of
 * them are called only for statements that xapi_check_form has found valid. */
#ifndef INGEST_XAPI_INTERNAL_H
#define INGEST_XAPI_INTERNAL_H

#include "app/http/field.h"
#include "app/ingest/event_input.h"

/* One statement while it is converted to a learning event. */
struct xapi_reader {
    struct json_object *statement;
    struct json_object *result, *context; /* members of the statement; NULL when absent */
    struct str object_id;                 /* the statement's object.id, an IRI */
    const struct binding *binding;        /* arena and problem of the request */
    const struct field_path *path; /* place in the list of the request; NULL: a single statement */
    size_t errors_before;          /* field errors in the problem before this statement */
    struct json_object *data;      /* member `data` of the event, filled by xapi_map_data */
};

/* Adds a field error at r->path.outer.name, or at r->path.name when outer is NULL. */
void xapi_refuse(const struct xapi_reader *r, const char *outer, const char *name,
                 const char *message);
/* Returns the row of the mapping table for the statement's verb and activity type; NULL with a
 * field error when there is no such row. */
const struct xapi_mapping *xapi_find_mapping(const struct xapi_reader *r);
/* Fills r->data by the function of that row of the mapping table. What the statement lacks for the
 * event is a field error. Returns the event's type also when there are such errors. */
enum event_type xapi_map_data(const struct xapi_mapping *mapping, struct xapi_reader *r);
/* Returns a hexadecimal SHA-256 that is the same for statements which the standard calls equal.
 * Returns a text whose p is NULL when out of memory. */
struct str xapi_digest(struct json_object *statement, struct arena *arena);

#endif

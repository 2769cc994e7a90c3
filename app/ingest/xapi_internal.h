/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by the files of xAPI: xapi.c reads a statement, xapi_map.c makes the type and data of a
 * learning event from it, xapi_digest.c makes the digest by which statements are compared. All
 * functions are called only for statements that xapi_check_form has found valid. */
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

/* Adds a field error at reader->path.outer.name, or at reader->path.name when outer is NULL. */
void xapi_refuse(const struct xapi_reader *reader, const char *outer, const char *name,
                 const char *message);
enum { XAPI_NO_EVENT = -1 }; /* in place of an event type: the statement becomes no event */
/* Fills reader->data and returns the type of the learning event that the statement becomes. Returns
 * XAPI_NO_EVENT when its verb is not in the table of verbs, or it lacks necessary information. */
int xapi_map_data(struct xapi_reader *reader);
/* Returns the mark of a statement: a hexadecimal SHA-256 that is the same for statements that the
 * standard calls equal, then "@" and the timestamp in ms if the statement has one. The p of the
 * text is NULL when out of memory. */
struct str xapi_mark(struct json_object *statement, struct arena *arena);

#endif

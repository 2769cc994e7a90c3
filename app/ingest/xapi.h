/* SPDX-License-Identifier: GPL-3.0-or-later */
/* xAPI statements as learning events. Which statement becomes which event is the table in
 * docs/events.md, xAPI. */
#ifndef INGEST_XAPI_H
#define INGEST_XAPI_H

#include "app/base/digest.h"
#include "app/http/field.h"
#include "app/ingest/event_input.h"

#define XAPI_VERSION "1.0.3" /* the version that responses name */

enum { XAPI_STATEMENTS_MAX = 100 }; /* of one request */

/* Whether the value of the request header X-Experience-API-Version is 1.0 or 1.0.x. */
bool xapi_version_supported(struct str version);

struct xapi_event {
    struct str id;            /* the statement's id as sent, or a new UUID */
    struct event_input input; /* finished; event_id is the id in lower case */
    struct str digest;        /* equal for equal statements, as the standard compares them */
};

/* Checks the form of a statement and maps it. path: of the statement in its list, NULL when it came
 * alone. False with field errors. */
bool xapi_parse(struct json_object *statement, const struct field_path *path, int64_t now_ms,
                const struct binding *binding, struct xapi_event *ret);

#endif

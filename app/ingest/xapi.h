/* SPDX-License-Identifier: GPL-3.0-or-later */
/* xAPI statements as learning events: which statement becomes which event is the table in
 * docs/events.md. */
#ifndef INGEST_XAPI_H
#define INGEST_XAPI_H

#include "app/base/digest.h"
#include "app/http/field.h"
#include "app/ingest/event_input.h"

#define XAPI_VERSION "1.0.3"

enum { XAPI_STATEMENTS_MAX = 100 };

/* Of the header X-Experience-API-Version: 1.0 or 1.0.x. */
bool xapi_version_supported(struct str version);

struct xapi_event {
    struct str id;            /* of the statement, as sent, or a new one */
    struct event_input input; /* finished; event_id is the id in lower case */
    struct str digest;        /* equal for equal statements, as the standard compares them */
};

/* Checks the form and maps. at: its place in a list, NULL for a lone one. False with field errors.
 */
bool xapi_parse(struct json_object *statement, const struct field_path *at, int64_t now_ms,
                const struct binding *l, struct xapi_event *ret);

#endif

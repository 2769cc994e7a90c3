/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Converts xAPI statements (the Experience API's records of what a learner did) to learning events.
 * The table in docs/events.md, section xAPI, shows which statement becomes which event. */
#ifndef INGEST_XAPI_H
#define INGEST_XAPI_H

#include "app/base/digest.h"
#include "app/http/field.h"
#include "app/ingest/event_input.h"

#define XAPI_VERSION "1.0.3" /* version in the header X-Experience-API-Version of responses */

enum { XAPI_STATEMENTS_MAX = 100 }; /* greatest number of statements in one request */

/* True when the value of the request header X-Experience-API-Version is 1.0 or 1.0.x. */
bool xapi_version_supported(struct str version);

struct xapi_event {
    struct str id;            /* statement's id as sent; a UUID made by xapi_parse if it has none */
    struct event_input input; /* checked event; its event_id is `id` in lower case */
    struct str digest; /* hex SHA-256; the same for statements that the standard calls equal */
};

/* The request that statements came with. */
struct xapi_request {
    int64_t now_ms;
    /* A text that is equal only when the same caller sends the same request again. Statements
     * without an id get one that is made of this text, of their place in the list, and of the UTC
     * day of now_ms if they have no timestamp: sent again, they have the same id. */
    struct str identity;
};

/* Checks the form of a statement and converts it to an event. path is the statement's place in the
 * list of the request's body, NULL when the body is one statement. False with field errors in
 * binding->problem. */
bool xapi_parse(struct json_object *statement, const struct field_path *path,
                const struct xapi_request *request, const struct binding *binding,
                struct xapi_event *ret);

#endif

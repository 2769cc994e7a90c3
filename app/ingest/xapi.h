/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Converts xAPI statements (the Experience API's records of what a learner did) to learning events.
 * The table in docs/events.md, section xAPI, shows which statement becomes which event. */
#ifndef INGEST_XAPI_H
#define INGEST_XAPI_H

#include "app/base/digest.h"
#include "app/http/field.h"
#include "app/ingest/event_input.h"

#define XAPI_VERSION "1.0.3" /* the version that responses name, unless the request is of 2.0 */

enum { XAPI_STATEMENTS_MAX = 1000 }; /* greatest number of statements in one request */

/* Returns whether the value of the request header X-Experience-API-Version is 1.0, 1.0.x or 2.0.x.
 */
bool xapi_version_supported(struct str version);
/* Returns the value of X-Experience-API-Version in the response to a request with that version. */
const char *xapi_version_of_response(struct str requested);

struct xapi_event {
    struct str id;            /* statement's id as sent; a UUID made by xapi_parse if it has none */
    struct event_input input; /* checked event; its event_id is `id` in lower case */
    bool ignored;             /* the statement is valid but becomes no event; input has only the
                               * student and the event_id */
    struct str mark;          /* digest and time of the statement, for xapi_marks_equal */
};

/* Returns whether the marks are of statements that the standard calls equal (xAPI-Data.md, 2.3.1).
 * The timestamps are compared only when both marks have one, because a server adds one to a
 * statement without. */
bool xapi_marks_equal(struct str a, struct str b);
/* The request that contains the statements. */
struct xapi_request {
    int64_t now_ms;
    /* A text that is equal only when the same caller sends the same request again. The id of a
     * statement without one is made from this text, its place in the list and, if it has no
     * timestamp, the UTC day of now_ms: so it is the same when the request is sent again. */
    struct str identity;
};

/* Checks the form of a statement and converts it to an event. path is the statement's place in the
 * list of the request's body, NULL when the body is one statement. False with field errors in
 * binding->problem. */
bool xapi_parse(struct json_object *statement, const struct field_path *path,
                const struct xapi_request *request, const struct binding *binding,
                struct xapi_event *ret);

#endif

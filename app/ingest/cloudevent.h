/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Learning events in CloudEvents 1.0, structured or binary, as publishers and Dapr's sidecar send
 * them. Faults are field errors that name the CloudEvents attribute. */
#ifndef INGEST_CLOUDEVENT_H
#define INGEST_CLOUDEVENT_H

#include "app/ingest/event_input.h"

/* The texts point into what was parsed, or into the arena. */
struct cloudevent {
    struct str id, source, type;
    struct str subject, time; /* empty when absent */
    /* Dapr wrapped a raw payload. It does so anew at each delivery, so id and time say nothing
     * about the event. */
    bool made_by_dapr;
    struct json_object *data; /* an object */
};

/* Structured mode. Data is a JSON object, a string that holds one, or base64 of one. */
bool cloudevent_parse(struct json_object *envelope, struct arena *arena, struct cloudevent *ret,
                      struct problem *p);

/* Binary mode: the attributes are header values, still encoded; the request body is the data. */
struct cloudevent_headers {
    struct str id, source, specversion, type, subject, time, datacontenttype;
};
/* Whether the headers with the four required attributes are present. */
bool cloudevent_is_binary(const struct cloudevent_headers *headers);
bool cloudevent_parse_binary(const struct cloudevent_headers *headers, struct str body,
                             struct arena *arena, struct cloudevent *ret, struct problem *p);
/* Removes quotes and one layer of percent-encoding from a header value. p is NULL when the result
 * is not UTF-8 or has control characters, and without memory. */
struct str cloudevent_decode_header(struct str value, struct arena *arena);

/* The learning event, finished. The CloudEvent's data is the body of POST ingest, or only the
 * `data` of such a body; missing fields are then read from the envelope: type, id, subject (the
 * student), time, source. Fields of the body take precedence. student_id is required. */
bool cloudevent_to_event(const struct cloudevent *event, int64_t now_ms, struct arena *arena,
                         struct event_input *ret, struct problem *p);
/* The JSON object in a JSON string of base64; NULL with a field error. */
struct json_object *cloudevent_decode_base64(struct json_object *base64, struct arena *arena,
                                             struct problem *p);
/* The same as cloudevent_to_event for a body of ingest without an envelope. */
bool cloudevent_bare_to_event(struct json_object *body, int64_t now_ms, struct arena *arena,
                              struct event_input *ret, struct problem *p);

/* All field errors in one line: "specversion: must be 1.0; data.score: is required". */
struct str cloudevent_error_line(const struct problem *p, struct arena *arena);

#endif

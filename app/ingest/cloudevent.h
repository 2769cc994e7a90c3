/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CloudEvents 1.0 that carry learning events, structured or binary, as publishers and Dapr's
 * sidecar send them. What is wrong is told as field errors, attributes by their names. */
#ifndef INGEST_CLOUDEVENT_H
#define INGEST_CLOUDEVENT_H

#include "app/ingest/event_input.h"

struct cloudevent {
    struct str id, source, type;
    struct str subject, time; /* empty when absent */
    /* Dapr made the envelope, of a raw payload even anew at each delivery: its id and time tell
     * nothing about the event */
    bool made_by_dapr;
    struct json_object *data; /* an object */
};

/* One in structured mode. Data is an object, a string that holds one, or base64 of one. */
bool cloudevent_parse(struct json_object *envelope, struct arena *arena, struct cloudevent *ret,
                      struct problem *p);

/* The same in binary mode: attributes as they stand in headers, the body as data. */
struct cloudevent_headers {
    struct str id, source, specversion, type, subject, time, datacontenttype;
};
/* All four that must be there are. */
bool cloudevent_is_binary(const struct cloudevent_headers *headers);
bool cloudevent_parse_binary(const struct cloudevent_headers *headers, struct str body,
                             struct arena *arena, struct cloudevent *ret, struct problem *p);
/* A header's value: quotes and one round of percent-encoding undone. p is NULL for what is not well
 * encoded UTF-8, holds controls, or without memory. */
struct str cloudevent_decode_header(struct str value, struct arena *arena);

/* The learning event in it, finished. Its data is the body that ingest takes, or the `data` of one
 * alone, whose other fields then stand in the envelope: type, id, subject (the student), time,
 * source. What the body says counts; student_id is required here. */
bool cloudevent_to_event(const struct cloudevent *event, int64_t now_ms, struct arena *arena,
                         struct event_input *ret, struct problem *p);
/* The JSON object whose base64 this JSON string is; NULL with a field error. */
struct json_object *cloudevent_decode_base64(struct json_object *base64, struct arena *arena,
                                             struct problem *p);
/* The same for a body of ingest that came without any envelope. */
bool cloudevent_bare_to_event(struct json_object *body, int64_t now_ms, struct arena *arena,
                              struct event_input *ret, struct problem *p);

/* All field errors in one line: "specversion: must be 1.0; data.score: is required". */
struct str cloudevent_error_line(const struct problem *p, struct arena *arena);

#endif

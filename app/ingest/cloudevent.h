/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Learning events in CloudEvents 1.0, structured or binary, as publishers and Dapr's sidecar send
 * them. Faults are field errors that name the CloudEvents attribute. */
#ifndef INGEST_CLOUDEVENT_H
#define INGEST_CLOUDEVENT_H

#include "app/http/request.h"
#include "app/ingest/event_input.h"

/* A parsed CloudEvent. Its texts point into the JSON or the headers that were parsed, or into the
 * arena. */
struct cloudevent {
    struct str id, source, type;
    struct str subject, time; /* empty when absent */
    /* true: the publisher sent no envelope, and Dapr made one. Dapr makes a new id and time at each
     * delivery, so they do not identify the event. */
    bool made_by_dapr;
    struct json_object *data; /* the member data, decoded; always a JSON object */
};

/* Parses a CloudEvent in structured mode, where the envelope is a JSON object. Its data may be a
 * JSON object, a string that holds one, or the base64 of one. False with field errors in p. */
bool cloudevent_parse(struct json_object *envelope, struct arena *arena, struct cloudevent *ret,
                      struct problem *p);

/* Binary mode: each attribute is the value of a request header, still percent-encoded and perhaps
 * quoted; empty when the header is absent. The request body is the data. */
struct cloudevent_headers {
    struct str id, source, specversion, type, subject, time, datacontenttype;
};
/* Returns the ce- headers of a request, not decoded. */
struct cloudevent_headers cloudevent_headers_of(const struct http_request *request);
/* Returns whether a header of one of the four required attributes (id, source, specversion, type)
 * is present. */
bool cloudevent_is_binary(const struct cloudevent_headers *headers);

/* The forms of a request with CloudEvents (HTTP protocol binding, section 3). */
enum cloudevent_form {
    CLOUDEVENT_NO_FORM,    /* neither a content type of CloudEvents or JSON, nor ce- headers */
    CLOUDEVENT_STRUCTURED, /* one event in JSON; its Content-Type may be application/json */
    CLOUDEVENT_BATCH,      /* a list of events in JSON */
    CLOUDEVENT_BINARY,     /* one event, its attributes in headers */
};
/* Returns the form of a request, by its Content-Type and its ce- headers. */
enum cloudevent_form cloudevent_form_of(struct str content_type,
                                        const struct cloudevent_headers *headers);
/* The content types of structured and batch mode, ending with NULL. */
extern const char *const cloudevent_media_types[];
/* The message of the error for a request of CLOUDEVENT_NO_FORM. */
#define CLOUDEVENT_NO_FORM_MESSAGE                                                                 \
    "Send application/cloudevents+json, application/cloudevents-batch+json, or the attributes in " \
    "ce- headers"

/* Parses a CloudEvent in binary mode. False with field errors in p. */
bool cloudevent_parse_binary(const struct cloudevent_headers *headers, struct str body,
                             struct arena *arena, struct cloudevent *ret, struct problem *p);
/* Removes quotes and one layer of percent-encoding from a header value. Returns a text whose p is
 * NULL when the value is not properly quoted or encoded, when the result is not UTF-8 or has
 * control characters, or when out of memory. */
struct str cloudevent_decode_header(struct str value, struct arena *arena);

/* Converts a CloudEvent to a learning event that has passed all checks. The CloudEvent's data is
 * either a whole body of POST .../ingest, or only the member `data` of such a body. Fields that the
 * data lacks are read from the envelope: type, subject (the student), time, source. When both have
 * a field, the one in the data is used. An event whose data have no event_id is identified by
 * source and id together: its event id is "ce-" and a digest of both. student_id is required.
 * Returns false with field errors in p. */
bool cloudevent_to_event(const struct cloudevent *event, int64_t now_ms, struct arena *arena,
                         struct event_input *ret, struct problem *p);
/* Decodes the CloudEvent member data_base64, a JSON string with base64, and parses the JSON object
 * in it. Returns NULL with a field error in p. */
struct json_object *cloudevent_decode_base64(struct json_object *base64, struct arena *arena,
                                             struct problem *p);
/* Converts a body of POST .../ingest that is not inside a CloudEvent to a learning event that has
 * passed all checks. The body must have all required fields and student_id. Returns false with
 * field errors in p. */
bool cloudevent_bare_to_event(struct json_object *body, int64_t now_ms, struct arena *arena,
                              struct event_input *ret, struct problem *p);

/* Converts an event in any of the JSON forms that publishers and Dapr send: a CloudEvent; a
 * CloudEvent in which Dapr has wrapped the published text, which is a body of POST .../ingest or
 * itself a CloudEvent; or a body of POST .../ingest alone. Returns false with field errors in p;
 * even then ret->student is the student, if known. */
bool cloudevent_json_to_event(struct json_object *json, int64_t now_ms, struct arena *arena,
                              struct event_input *ret, struct problem *p);

/* Returns all field errors of p in one line: "specversion: must be 1.0; data.score: is
 * required". */
struct str cloudevent_error_line(const struct problem *p, struct arena *arena);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Converts CloudEvents to learning events in two steps. The first reads the envelope: the
 * attributes from JSON or from headers, and the data in any of its encodings. The second builds,
 * from attributes and data, the body that a client of POST .../ingest would have sent, and checks
 * it by the same rules. All faults of an envelope are reported together. */
#include "app/ingest/cloudevent.h"

#include "app/base/base64.h"
#include "app/base/clock.h"
#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/base/json_write.h"
#include "app/base/percent.h"
#include "app/base/utf8.h"
#include "app/http/json.h"
#include "app/http/json_value.h"
#include "app/http/validate.h"

/* The type that Dapr gives to an event whose publisher sent no envelope. */
#define DAPR_WRAPPED_TYPE "com.dapr.event.sent"

enum {
    ERROR_LINE_MAX = 1000, /* roughly the longest text of cloudevent_error_line, in bytes */
    IDENTITY_BYTES = 24,   /* bytes of the digest in the event id "ce-DIGEST": 48 digits */
};

/* Adds a field error to p. Always returns false, so that callers can `return` it. */
static bool cloudevent_fail(struct problem *p, struct arena *arena, const char *field,
                            const char *message)
{
    problem_field(p, arena, str_of(field), "%s", message);
    return false;
}

/* Reports in p that memory is exhausted. Always returns false, so that callers can `return` it. */
static bool cloudevent_no_memory(struct problem *p)
{
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

/* ---- attributes ---- */

/* Returns true when the text has a control character, which CloudEvents forbids in a value
 * (spec.md, "Type System"): U+0000..001F, U+007F, or U+0080..009F, which UTF-8 writes as the byte
 * C2 and a byte 80..9F. */
static bool cloudevent_has_control(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        unsigned char next = i + 1 < text.n ? (unsigned char)text.p[i + 1] : 0;

        if (c < 0x20 || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0))
            return true;
    }
    return false;
}

/* The attributes of one envelope as texts; empty when absent. */
struct cloudevent_attributes {
    struct str id, source, specversion, type, subject, time, datacontenttype, dataschema;
};

static const struct {
    const char *name;
    size_t offset; /* offset of the attribute's text in struct cloudevent_attributes, in bytes */
    bool required;
} attribute_table[] = {
    {"id", offsetof(struct cloudevent_attributes, id), true},
    {"source", offsetof(struct cloudevent_attributes, source), true},
    {"specversion", offsetof(struct cloudevent_attributes, specversion), true},
    {"type", offsetof(struct cloudevent_attributes, type), true},
    {"subject", offsetof(struct cloudevent_attributes, subject), false},
    {"time", offsetof(struct cloudevent_attributes, time), false},
    {"datacontenttype", offsetof(struct cloudevent_attributes, datacontenttype), false},
    {"dataschema", offsetof(struct cloudevent_attributes, dataschema), false},
};
enum { ATTRIBUTES = sizeof(attribute_table) / sizeof(attribute_table[0]) };

/* Returns the member of *all that row i of attribute_table describes. */
static struct str *cloudevent_attribute(struct cloudevent_attributes *all, size_t i)
{
    return (struct str *)(void *)((char *)all + attribute_table[i].offset);
}

/* Reads the attribute of row i of attribute_table from the JSON envelope into *all; JSON null
 * counts as absent. Faults are field errors in p. */
static void cloudevent_read_attribute(struct json_object *envelope, size_t i,
                                      struct cloudevent_attributes *all, struct arena *arena,
                                      struct problem *p)
{
    const char *name = attribute_table[i].name;
    struct json_object *value = json_value_member(envelope, name);

    if (!value) {
        if (attribute_table[i].required)
            (void)cloudevent_fail(p, arena, name, "is required");
    } else if (!json_object_is_type(value, json_type_string)) {
        (void)cloudevent_fail(p, arena, name, "must be a text");
    } else if (json_object_get_string_len(value) == 0) {
        (void)cloudevent_fail(p, arena, name, "must not be empty");
    } else {
        *cloudevent_attribute(all, i) = json_value_text(value);
    }
}

/* Makes the checks that structured and binary mode have in common: no control characters,
 * specversion 1.0, a valid time. Faults are field errors in p. A missing attribute is no error
 * here: the code that reads the attributes reports it. */
static void cloudevent_check_attributes(const struct cloudevent_attributes *all,
                                        struct arena *arena, struct problem *p)
{
    struct cloudevent_attributes checked = *all; /* because cloudevent_attribute takes no const */
    int64_t time_ms;

    for (size_t i = 0; i < ATTRIBUTES; i++) {
        if (cloudevent_has_control(*cloudevent_attribute(&checked, i)))
            (void)cloudevent_fail(p, arena, attribute_table[i].name,
                                  "must hold no control characters");
    }
    if (all->specversion.n > 0 && !str_equal(all->specversion, STR("1.0")))
        (void)cloudevent_fail(p, arena, "specversion", "must be 1.0");
    if (all->time.n > 0 && !time_parse(all->time, &time_ms))
        (void)cloudevent_fail(p, arena, "time", "must be a time such as 2026-01-31T23:59:59.123Z");
}

/* Fills *ret from the attributes; its data stays NULL. */
static void cloudevent_fill(struct cloudevent *ret, const struct cloudevent_attributes *all)
{
    *ret = (struct cloudevent){.id = all->id,
                               .source = all->source,
                               .type = all->type,
                               .subject = all->subject,
                               .time = all->time,
                               .made_by_dapr = str_equal(all->type, STR(DAPR_WRAPPED_TYPE))};
}

/* ---- data ---- */

/* Parses the text as a JSON object. Returns NULL, with a field error of `field` in p, when it is
 * not an object. A NULL text.p means that the caller could not decode the base64; it gets the same
 * error. */
static struct json_object *cloudevent_parse_object(struct str text, const char *field,
                                                   struct arena *arena, struct problem *p)
{
    struct problem fault = {0};
    struct json_object *object = text.p ? json_parse(text, arena, &fault) : NULL;

    if (json_object_is_type(object, json_type_object))
        return object;
    if (fault.code == PROBLEM_INTERNAL_ERROR)
        (void)cloudevent_no_memory(p);
    else
        (void)cloudevent_fail(p, arena, field, "must be a JSON object");
    return NULL;
}

/* Returns the object in the envelope's member `data`; NULL with a field error in p when it is none.
 * `data` may also be a string that holds the object, because Dapr makes such a string of JSON that
 * was published without a content type. */
static struct json_object *cloudevent_read_data(struct json_object *data, struct arena *arena,
                                                struct problem *p)
{
    if (json_object_is_type(data, json_type_object))
        return data;
    if (json_object_is_type(data, json_type_string))
        return cloudevent_parse_object(json_value_text(data), "data", arena, p);
    (void)cloudevent_fail(p, arena, "data", "must be a JSON object");
    return NULL;
}

/* When the member is not a string or not base64, bytes.p stays NULL, for which
 * cloudevent_parse_object adds the field error of data_base64. */
struct json_object *cloudevent_decode_base64(struct json_object *base64, struct arena *arena,
                                             struct problem *p)
{
    struct str bytes = {0};

    if (json_object_is_type(base64, json_type_string))
        bytes = base64_decode(json_value_text(base64), arena);
    return cloudevent_parse_object(bytes, "data_base64", arena, p);
}

/* Reads and checks the attributes, then the data. Reading continues after faults of the attributes,
 * which are in p; p->code is PROBLEM_NONE at the end only if nothing failed. */
bool cloudevent_parse(struct json_object *envelope, struct arena *arena, struct cloudevent *ret,
                      struct problem *p)
{
    struct cloudevent_attributes all = {0};
    struct json_object *data = json_value_member(envelope, "data");
    struct json_object *base64 = json_value_member(envelope, "data_base64");

    if (!json_object_is_type(envelope, json_type_object))
        return cloudevent_fail(p, arena, "event", "must be an object");
    for (size_t i = 0; i < ATTRIBUTES; i++)
        cloudevent_read_attribute(envelope, i, &all, arena, p);
    cloudevent_check_attributes(&all, arena, p);
    cloudevent_fill(ret, &all);
    if (data && base64)
        return cloudevent_fail(p, arena, "data_base64", "must not be present together with data");
    if (!data && !base64)
        return cloudevent_fail(p, arena, "data", "is required");
    ret->data =
        data ? cloudevent_read_data(data, arena, p) : cloudevent_decode_base64(base64, arena, p);
    return p->code == PROBLEM_NONE;
}

/* ---- binary mode ---- */

/* Copies a header value to out, which has room for value.n bytes, and sets *ret_n to the bytes
 * written. A quoted string (RFC 9110) is copied without its quotes and backslashes, any other value
 * unchanged. Returns false for a quoted string without a closing quote, even if its last character
 * is a quote that a backslash makes part of the text. */
static bool cloudevent_unquote(struct str value, char *out, size_t *ret_n)
{
    bool quoted = value.n > 0 && value.p[0] == '"';
    size_t n = 0, i = quoted, end = value.n;

    if (quoted && (value.n < 2 || value.p[--end] != '"'))
        return false;
    for (; i < end; i++) {
        if (quoted && value.p[i] == '\\' && ++i == end)
            return false;
        out[n++] = value.p[i];
    }
    *ret_n = n;
    return true;
}

/* Removes the quotes and the percent-encoding within one buffer, because neither step makes the
 * text longer. Adds a NUL, which is not counted. */
struct str cloudevent_decode_header(struct str value, struct arena *arena)
{
    char *text = arena_alloc(arena, value.n + 1);
    struct str decoded = {text, 0};

    if (!text || !cloudevent_unquote(value, text, &decoded.n) ||
        !percent_decode(decoded, /* plus_is_space */ false, text, &decoded.n) ||
        !utf8_valid(decoded) || cloudevent_has_control(decoded))
        return (struct str){0};
    text[decoded.n] = '\0';
    return decoded;
}

/* Collects the values of the ce- headers as the web server has sent them, not decoded. */
struct cloudevent_headers cloudevent_headers_of(const struct http_request *request)
{
    return (struct cloudevent_headers){.id = request->ce_id,
                                       .source = request->ce_source,
                                       .specversion = request->ce_specversion,
                                       .type = request->ce_type,
                                       .subject = request->ce_subject,
                                       .time = request->ce_time,
                                       .datacontenttype = request->ce_datacontenttype};
}

/* An absent header has length 0. One of the four required attributes is enough: the error about an
 * event that lacks another one then names that one. */
bool cloudevent_is_binary(const struct cloudevent_headers *headers)
{
    return headers->id.n > 0 || headers->source.n > 0 || headers->specversion.n > 0 ||
           headers->type.n > 0;
}

const char *const cloudevent_media_types[] = {
    "application/cloudevents+json", "application/cloudevents-batch+json", "application/json", NULL};

/* The two content types of CloudEvents are checked first, because a structured event may have ce-
 * headers, too. */
enum cloudevent_form cloudevent_form_of(struct str content_type,
                                        const struct cloudevent_headers *headers)
{
    if (http_media_type_is(content_type, STR("application/cloudevents+json")))
        return CLOUDEVENT_STRUCTURED;
    if (http_media_type_is(content_type, STR("application/cloudevents-batch+json")))
        return CLOUDEVENT_BATCH;
    if (cloudevent_is_binary(headers))
        return CLOUDEVENT_BINARY;
    return http_media_type_is(content_type, STR("application/json")) ? CLOUDEVENT_STRUCTURED
                                                                     : CLOUDEVENT_NO_FORM;
}

/* Decodes the header of the attribute of row i of attribute_table into its member of *all. A header
 * that cannot be decoded, is empty when decoded, or is required and absent (value.n 0) is a field
 * error in p. */
static void cloudevent_read_header(struct str value, size_t i, struct cloudevent_attributes *all,
                                   struct arena *arena, struct problem *p)
{
    const char *name = attribute_table[i].name;
    struct str *ret = cloudevent_attribute(all, i);

    if (value.n == 0) {
        if (attribute_table[i].required)
            (void)cloudevent_fail(p, arena, name, "is required");
        return;
    }
    *ret = cloudevent_decode_header(value, arena);
    if (!ret->p || ret->n == 0)
        (void)cloudevent_fail(p, arena, name, "is not properly encoded");
}

/* Like cloudevent_parse, collects all faults in p; the event is valid if there is none. In binary
 * mode Content-Type is the type of the data, so a header for datacontenttype is a fault. */
bool cloudevent_parse_binary(const struct cloudevent_headers *headers, struct str body,
                             struct arena *arena, struct cloudevent *ret, struct problem *p)
{
    /* values in the order of attribute_table */
    const struct str values[] = {headers->id,   headers->source,  headers->specversion,
                                 headers->type, headers->subject, headers->time};
    struct cloudevent_attributes all = {0};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        cloudevent_read_header(values[i], i, &all, arena, p);
    if (headers->datacontenttype.n > 0)
        (void)cloudevent_fail(p, arena, "datacontenttype",
                              "must not be present in binary mode, where Content-Type replaces it");
    cloudevent_check_attributes(&all, arena, p);
    cloudevent_fill(ret, &all);
    /* An empty body may have a NULL body.p, which for cloudevent_parse_object would mean base64
     * that could not be decoded. A space, in contrast, is plain text that is not a JSON object. */
    ret->data = cloudevent_parse_object(body.n > 0 ? body : STR(" "), "data", arena, p);
    return p->code == PROBLEM_NONE;
}

/* ---- the learning event ---- */

/* Returns whether the text is one of the six names of learning events, such as "quiz.completed". */
static bool cloudevent_is_event_type(struct str type)
{
    for (int i = 0; i < EVENT_TYPES; i++) {
        if (str_equal(type, str_of(event_type_names[i])))
            return true;
    }
    return false;
}

/* Adds the field `name` to the body: the payload's own value if it has one, else the text from the
 * envelope if it is not empty, else nothing. The body and the payload then both own the value
 * (json_object_get). */
static void cloudevent_add_field(struct json_object *body, struct json_object *payload,
                                 const char *name, struct str from_envelope)
{
    struct json_object *own = json_value_member(payload, name);

    if (own)
        (void)json_object_object_add(body, name, json_object_get(own));
    else if (from_envelope.n > 0)
        (void)json_object_object_add(
            body, name, json_object_new_string_len(from_envelope.p, (int)from_envelope.n));
}

/* Returns the event id for an event whose data have none. It is made of source and id together,
 * because an id is unique only within its source (CloudEvents, spec.md, "id"), and is a digest,
 * because both may be any text. A line break, which neither contains, separates them. The p of the
 * result is NULL when out of memory. */
static struct str cloudevent_make_id(const struct cloudevent *event, struct arena *arena)
{
    unsigned char bytes[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];
    struct digest digest;

    digest_init(&digest);
    digest_update(&digest, event->source);
    digest_update(&digest, STR("\n"));
    digest_update(&digest, event->id);
    digest_final(&digest, bytes);
    hex_print(bytes, IDENTITY_BYTES, hex);
    return arena_printf(arena, "ce-%s", hex);
}

/* Builds the body that a client of POST .../ingest would have sent; NULL when out of memory. Id and
 * time of an envelope made by Dapr are not used, because Dapr makes new ones at each delivery: the
 * payload must have its own. */
static struct json_object *cloudevent_make_body(const struct cloudevent *event, struct arena *arena)
{
    const struct str none = {0};
    bool is_own_envelope = !event->made_by_dapr;
    struct str id = is_own_envelope ? cloudevent_make_id(event, arena) : none;
    struct json_object *body = json_value_new_object(arena), *data = event->data, *inner;

    if (!body || (is_own_envelope && !id.p))
        return NULL;
    cloudevent_add_field(body, event->data, "event_id", id);
    cloudevent_add_field(body, event->data, "event_type",
                         cloudevent_is_event_type(event->type) ? event->type : none);
    cloudevent_add_field(body, event->data, "student_id", event->subject);
    cloudevent_add_field(body, event->data, "timestamp", is_own_envelope ? event->time : none);
    cloudevent_add_field(body, event->data, "source", event->source);
    /* when the CloudEvent's data has a member `data`, it is a whole body of POST .../ingest */
    if (json_object_object_get_ex(event->data, "data", &inner))
        data = inner;
    (void)json_object_object_add(body, "data", json_object_get(data));
    return body;
}

/* Checks the body by all rules, even after a fault, so that all faults are reported together;
 * event_input_finish returns false if p has any. The rules do not require student_id, because
 * students may post about themselves. A publisher must send it, which is checked here. */
bool cloudevent_bare_to_event(struct json_object *body, int64_t now_ms, struct arena *arena,
                              struct event_input *ret, struct problem *p)
{
    *ret = (struct event_input){0};
    (void)validate_object(event_rules, body, /* no prefix */ STR(""), arena, ret, p);
    if (!ret->has_student && !problem_has_field(p, STR("student_id")))
        (void)cloudevent_fail(p, arena, "student_id", "is required");
    return event_input_finish(ret, now_ms, arena, p);
}

/* Checks the body made from the CloudEvent like a body of POST .../ingest; its faults are in p. The
 * envelope's type must equal the body's event_type only if it names a learning event, because a
 * publisher may use any other type for its envelopes. */
bool cloudevent_to_event(const struct cloudevent *event, int64_t now_ms, struct arena *arena,
                         struct event_input *ret, struct problem *p)
{
    struct json_object *body = cloudevent_make_body(event, arena);

    if (!body)
        return cloudevent_no_memory(p);
    (void)cloudevent_bare_to_event(body, now_ms, arena, ret, p);
    if (ret->has_type && cloudevent_is_event_type(event->type) &&
        !str_equal(event->type, str_of(event_type_names[ret->type])))
        return cloudevent_fail(p, arena, "event_type", "must be the type of the envelope");
    return p->code == PROBLEM_NONE;
}

/* Parses the envelope. When Dapr has put a raw payload into an envelope, and the payload is itself
 * a CloudEvent, *ret is that CloudEvent. */
static bool cloudevent_parse_unwrapped(struct json_object *envelope, struct arena *arena,
                                       struct cloudevent *ret, struct problem *p)
{
    if (!cloudevent_parse(envelope, arena, ret, p))
        return false;
    if (ret->made_by_dapr && json_object_object_get_ex(ret->data, "specversion", NULL))
        return cloudevent_parse(ret->data, arena, ret, p);
    return true;
}

/* A body of POST .../ingest has neither specversion nor type, which a CloudEvent must have. So an
 * object without both is read as such a body. */
bool cloudevent_json_to_event(struct json_object *json, int64_t now_ms, struct arena *arena,
                              struct event_input *ret, struct problem *p)
{
    struct cloudevent event = {.data = NULL};
    bool valid;

    *ret = (struct event_input){0};
    if (json_object_is_type(json, json_type_object) &&
        !json_object_object_get_ex(json, "specversion", NULL) &&
        !json_object_object_get_ex(json, "type", NULL))
        return cloudevent_bare_to_event(json, now_ms, arena, ret, p);
    valid = cloudevent_parse_unwrapped(json, arena, &event, p) &&
            cloudevent_to_event(&event, now_ms, arena, ret, p);
    if (!ret->has_student)
        ret->student = event.subject;
    return valid;
}

/* Joins the field errors of p, up to about ERROR_LINE_MAX bytes. Returns p->message instead when p
 * has none, or when out of memory. */
struct str cloudevent_error_line(const struct problem *p, struct arena *arena)
{
    struct buf out;

    buf_init(&out, arena);
    if (!p->fields)
        buf_text(&out, p->message);
    for (const struct field_error *error = p->fields; error && out.n < ERROR_LINE_MAX;
         error = error->next) {
        if (out.n > 0)
            buf_text(&out, "; ");
        buf_str(&out, error->field);
        buf_text(&out, ": ");
        buf_str(&out, error->message);
    }
    return out.failed ? str_of(p->message) : buf_view(&out);
}

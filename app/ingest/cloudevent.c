/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/ingest/cloudevent.h"

#include "app/base/base64.h"
#include "app/base/clock.h"
#include "app/base/json_write.h"
#include "app/http/json.h"
#include "app/http/validate.h"

/* What Dapr calls an event whose publisher sent no envelope. */
#define DAPR_WRAPPED "com.dapr.event.sent"

enum { REASON_MAX = 1000 };

static void release_object(void *object)
{
    (void)json_object_put(object);
}

static bool fail(struct problem *p, struct arena *arena, const char *field, const char *message)
{
    problem_field(p, arena, str_of(field), "%s", message);
    return false;
}

static bool no_memory(struct problem *p)
{
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

/* ---- attributes ---- */

/* U+0000..1F and U+007F..9F are in no value (spec.md, "Type System"). */
static bool has_control(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        unsigned char next = i + 1 < text.n ? (unsigned char)text.p[i + 1] : 0;

        if (c < 0x20 || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0))
            return true;
    }
    return false;
}

struct attributes {
    struct str id, source, specversion, type, subject, time, datacontenttype, dataschema;
};

static const struct {
    const char *name;
    size_t into; /* in struct attributes */
    bool required;
} attribute_table[] = {
    {"id", offsetof(struct attributes, id), true},
    {"source", offsetof(struct attributes, source), true},
    {"specversion", offsetof(struct attributes, specversion), true},
    {"type", offsetof(struct attributes, type), true},
    {"subject", offsetof(struct attributes, subject), false},
    {"time", offsetof(struct attributes, time), false},
    {"datacontenttype", offsetof(struct attributes, datacontenttype), false},
    {"dataschema", offsetof(struct attributes, dataschema), false},
};
enum { ATTRIBUTES = sizeof(attribute_table) / sizeof(attribute_table[0]) };

static struct str *attribute(struct attributes *all, size_t i)
{
    return (struct str *)(void *)((char *)all + attribute_table[i].into);
}

/* A null attribute is an absent one. */
static void take_attribute(struct json_object *envelope, size_t i, struct attributes *all,
                           struct arena *arena, struct problem *p)
{
    const char *name = attribute_table[i].name;
    struct json_object *value = NULL;

    (void)json_object_object_get_ex(envelope, name, &value);
    if (!value) {
        if (attribute_table[i].required)
            (void)fail(p, arena, name, "is required");
    } else if (!json_object_is_type(value, json_type_string)) {
        (void)fail(p, arena, name, "must be a text");
    } else if (json_object_get_string_len(value) == 0) {
        (void)fail(p, arena, name, "must not be empty");
    } else {
        *attribute(all, i) =
            (struct str){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
    }
}

static void check_attributes(const struct attributes *all, struct arena *arena, struct problem *p)
{
    struct attributes copy = *all;
    int64_t ignored;

    for (size_t i = 0; i < ATTRIBUTES; i++) {
        if (has_control(*attribute(&copy, i)))
            (void)fail(p, arena, attribute_table[i].name, "must hold no control characters");
    }
    if (all->specversion.n > 0 && !str_equal(all->specversion, STR("1.0")))
        (void)fail(p, arena, "specversion", "must be 1.0");
    if (all->time.n > 0 && !time_parse(all->time, &ignored))
        (void)fail(p, arena, "time", "must be a time such as 2026-01-31T23:59:59.123Z");
}

static void fill(struct cloudevent *ret, const struct attributes *all)
{
    *ret = (struct cloudevent){.id = all->id,
                               .source = all->source,
                               .type = all->type,
                               .subject = all->subject,
                               .time = all->time,
                               .made_by_dapr = str_equal(all->type, STR(DAPR_WRAPPED))};
}

/* ---- data ---- */

static struct json_object *object_in(struct str text, const char *field, struct arena *arena,
                                     struct problem *p)
{
    struct problem fault = {0};
    struct json_object *object = text.p ? json_parse(text, arena, &fault) : NULL;

    if (json_object_is_type(object, json_type_object))
        return object;
    if (fault.code == PROBLEM_INTERNAL_ERROR)
        (void)no_memory(p);
    else
        (void)fail(p, arena, field, "must be a JSON object");
    return NULL;
}

static struct str text_of(struct json_object *json)
{
    return (struct str){json_object_get_string(json), (size_t)json_object_get_string_len(json)};
}

/* Who publishes without saying a content type has its JSON arrive as a string. */
static struct json_object *plain_data(struct json_object *data, struct arena *arena,
                                      struct problem *p)
{
    if (json_object_is_type(data, json_type_object))
        return data;
    if (json_object_is_type(data, json_type_string))
        return object_in(text_of(data), "data", arena, p);
    (void)fail(p, arena, "data", "must be a JSON object");
    return NULL;
}

struct json_object *cloudevent_decode_base64(struct json_object *base64, struct arena *arena,
                                             struct problem *p)
{
    struct str bytes = {0};

    if (json_object_is_type(base64, json_type_string))
        bytes = base64_decode(text_of(base64), arena);
    return object_in(bytes, "data_base64", arena, p);
}

bool cloudevent_parse(struct json_object *envelope, struct arena *arena, struct cloudevent *ret,
                      struct problem *p)
{
    struct attributes all = {0};
    struct json_object *data = NULL, *base64 = NULL;

    if (!json_object_is_type(envelope, json_type_object))
        return fail(p, arena, "event", "must be an object");
    for (size_t i = 0; i < ATTRIBUTES; i++)
        take_attribute(envelope, i, &all, arena, p);
    check_attributes(&all, arena, p);
    fill(ret, &all);
    (void)json_object_object_get_ex(envelope, "data", &data);
    (void)json_object_object_get_ex(envelope, "data_base64", &base64);
    if (data && base64)
        return fail(p, arena, "data_base64", "must not stand beside data");
    if (!data && !base64)
        return fail(p, arena, "data", "is required");
    ret->made_by_dapr = ret->made_by_dapr || base64;
    ret->data = data ? plain_data(data, arena, p) : cloudevent_decode_base64(base64, arena, p);
    return p->code == PROBLEM_NONE;
}

/* ---- binary mode ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "a \"b\"" without its quotes and backslashes; a text without quotes is as it is. */
static bool unquote(struct str value, char *out, size_t *ret_n)
{
    bool quoted = value.n > 0 && value.p[0] == '"';
    size_t n = 0, i = quoted, end = value.n;

    if (quoted && (value.n < 2 || value.p[--end] != '"'))
        return false;
    for (; i < end; i++) {
        if (quoted && value.p[i] == '\\' && ++i == end)
            return false; /* the last quote was not the end */
        out[n++] = value.p[i];
    }
    *ret_n = n;
    return true;
}

static bool percent_decode(char *text, size_t *n)
{
    size_t out = 0;

    for (size_t i = 0; i < *n; i++) {
        if (text[i] == '%') {
            int high = i + 2 < *n ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < *n ? hex_value(text[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            text[out++] = (char)(high << 4 | low);
            i += 2;
        } else {
            text[out++] = text[i];
        }
    }
    *n = out;
    return true;
}

struct str cloudevent_decode_header(struct str value, struct arena *arena)
{
    char *text = arena_alloc(arena, value.n + 1);
    struct str decoded = {text, 0};

    if (!text || !unquote(value, text, &decoded.n) || !percent_decode(text, &decoded.n) ||
        !utf8_valid(decoded) || has_control(decoded))
        return (struct str){0};
    text[decoded.n] = '\0';
    return decoded;
}

bool cloudevent_is_binary(const struct cloudevent_headers *headers)
{
    return headers->id.n > 0 && headers->source.n > 0 && headers->specversion.n > 0 &&
           headers->type.n > 0;
}

static void take_header(struct str value, const char *name, struct str *ret, struct arena *arena,
                        struct problem *p)
{
    if (value.n == 0)
        return;
    *ret = cloudevent_decode_header(value, arena);
    if (!ret->p || ret->n == 0)
        (void)fail(p, arena, name, "is not properly encoded");
}

bool cloudevent_parse_binary(const struct cloudevent_headers *headers, struct str body,
                             struct arena *arena, struct cloudevent *ret, struct problem *p)
{
    struct attributes all = {0};

    take_header(headers->id, "id", &all.id, arena, p);
    take_header(headers->source, "source", &all.source, arena, p);
    take_header(headers->specversion, "specversion", &all.specversion, arena, p);
    take_header(headers->type, "type", &all.type, arena, p);
    take_header(headers->subject, "subject", &all.subject, arena, p);
    take_header(headers->time, "time", &all.time, arena, p);
    if (headers->datacontenttype.n > 0)
        (void)fail(p, arena, "datacontenttype", "is what Content-Type says in binary mode");
    check_attributes(&all, arena, p);
    fill(ret, &all);
    ret->data = object_in(body.n > 0 ? body : STR(" "), "data", arena, p);
    return p->code == PROBLEM_NONE;
}

/* ---- the learning event ---- */

static bool is_event_type(struct str type)
{
    for (int i = 0; i < EVENT_TYPES; i++) {
        if (str_equal(type, str_of(event_type_names[i])))
            return true;
    }
    return false;
}

/* The body's own field, else what the envelope says, else nothing. */
static void add_field(struct json_object *body, struct json_object *payload, const char *name,
                      struct str of_envelope)
{
    struct json_object *own = NULL;

    if (json_object_object_get_ex(payload, name, &own) && own)
        (void)json_object_object_add(body, name, json_object_get(own));
    else if (of_envelope.n > 0)
        (void)json_object_object_add(body, name,
                                     json_object_new_string_len(of_envelope.p, (int)of_envelope.n));
}

static struct json_object *body_of(const struct cloudevent *event, struct arena *arena)
{
    const struct str nothing = {0};
    bool own = !event->made_by_dapr;
    struct json_object *body = json_object_new_object(), *data = event->data, *inner;

    if (!body || !arena_defer(arena, release_object, body))
        return NULL;
    add_field(body, event->data, "event_id", own ? event->id : nothing);
    add_field(body, event->data, "event_type", is_event_type(event->type) ? event->type : nothing);
    add_field(body, event->data, "student_id", event->subject);
    add_field(body, event->data, "timestamp", own ? event->time : nothing);
    add_field(body, event->data, "source", event->source);
    /* the whole body of ingest has a `data` of its own */
    if (json_object_object_get_ex(event->data, "data", &inner))
        data = inner;
    (void)json_object_object_add(body, "data", json_object_get(data));
    return body;
}

static bool take_body(struct json_object *body, int64_t now_ms, struct arena *arena,
                      struct event_input *ret, struct problem *p)
{
    *ret = (struct event_input){0};
    (void)validate_object(event_rules, body, STR(""), arena, ret, p);
    if (!ret->has_student)
        (void)fail(p, arena, "student_id", "is required");
    return event_input_finish(ret, now_ms, arena, p);
}

bool cloudevent_to_event(const struct cloudevent *event, int64_t now_ms, struct arena *arena,
                         struct event_input *ret, struct problem *p)
{
    struct json_object *body = body_of(event, arena);

    if (!body)
        return no_memory(p);
    (void)take_body(body, now_ms, arena, ret, p);
    if (ret->has_type && is_event_type(event->type) &&
        !str_equal(event->type, str_of(event_type_names[ret->type])))
        return fail(p, arena, "event_type", "must be the type of the envelope");
    return p->code == PROBLEM_NONE;
}

bool cloudevent_bare_to_event(struct json_object *body, int64_t now_ms, struct arena *arena,
                              struct event_input *ret, struct problem *p)
{
    return take_body(body, now_ms, arena, ret, p);
}

struct str cloudevent_error_line(const struct problem *p, struct arena *arena)
{
    struct buf out;

    buf_init(&out, arena);
    if (!p->fields)
        buf_text(&out, p->message);
    for (const struct field_error *e = p->fields; e && out.n < REASON_MAX; e = e->next) {
        if (out.n > 0)
            buf_text(&out, "; ");
        buf_str(&out, e->field);
        buf_text(&out, ": ");
        buf_str(&out, e->message);
    }
    return out.failed ? str_of(p->message) : buf_view(&out);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /dapr: what the Dapr sidecar asks its app, and the learning events that it brings (protocols:
 * Dapr's app channel, CloudEvents). */
#include "app/http/json.h"
#include "app/ingest/cloudevent.h"
#include "app/ingest/event_batch.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/store/dead_letter.h"
#include "app/store/erasure.h"

#define EVENTS_PATH "/dapr/events"
#define BULK_TYPE   "com.dapr.event.sent.bulk"

/* ---- what is asked for at the start: open, for older sidecars send no token (hazards W12) ---- */

static enum step subscribe(struct exchange *x)
{
    const struct config *config = &x->engine->config;
    struct jw w = {.out = &x->response.body};

    x->response.status = 200;
    x->response.content_type = "application/json";
    jw_array(&w, NULL);
    jw_object(&w, NULL);
    jw_text(&w, "pubsubname", config->dapr_pubsub);
    jw_text(&w, "topic", config->dapr_topic_events);
    jw_text(&w, "route", EVENTS_PATH);
    if (*config->dapr_topic_dead)
        jw_text(&w, "deadLetterTopic", config->dapr_topic_dead);
    if (config->dapr_bulk_messages > 0) {
        jw_object(&w, "bulkSubscribe");
        jw_bool(&w, "enabled", true);
        jw_int(&w, "maxMessagesCount", config->dapr_bulk_messages);
        jw_object_end(&w);
    }
    jw_object_end(&w);
    jw_array_end(&w);
    return STEP_DONE;
}

/* No actors, nothing to configure. */
static enum step config(struct exchange *x)
{
    struct jw w;

    http_response_json(&x->response, 200, &w);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- events: into deliveries ---- */

/* In what form they came, which is the form of the answer. */
enum form { SINGLE, BATCH, BULK };

/* In the order in which one outcome speaks for a batch: what is to be brought again decides, then
 * what has been taken. */
enum outcome { RETRY, SUCCESS, DROP };
static const char *const outcome_names[] = {
    [RETRY] = "RETRY", [SUCCESS] = "SUCCESS", [DROP] = "DROP"};

/* One event on its way: an item of the intake, or a dead letter. */
struct delivery {
    struct str entry;   /* its name in a bulk */
    struct str reason;  /* why it can never be taken; p NULL when it can */
    struct str text;    /* it, as JSON, for the dead letter */
    struct str student; /* of whom no letter is kept if he is erased; empty: nobody we know of */
    struct command *tombstone, *letter;
    bool to_keep; /* the letter, which has not been asked for yet */
    struct event_batch_item *item;
    enum outcome outcome;
};

struct events {
    enum form form;
    struct delivery *v;
    size_t n;
    struct event_batch intake;
};

static struct str json_text(struct json_object *json, struct arena *arena)
{
    const char *text = json_object_to_json_string_ext(json, JSON_C_TO_STRING_NOSLASHESCAPE);

    return arena_copy(arena, str_of(text ? text : "null"));
}

static struct str json_string(struct str bytes, struct arena *arena)
{
    struct buf out;

    buf_init(&out, arena);
    buf_json_string(&out, bytes.n > DEAD_LETTER_BYTES_MAX
                              ? (struct str){bytes.p, DEAD_LETTER_BYTES_MAX}
                              : bytes);
    return out.failed ? STR("null") : buf_view(&out);
}

/* Whom an envelope is about that is none, as far as it says so where it should. */
static struct str named_in(struct json_object *envelope)
{
    struct json_object *data, *id;

    if (json_object_object_get_ex(envelope, "data", &data) &&
        json_object_object_get_ex(data, "student_id", &id) &&
        json_object_is_type(id, json_type_string))
        return str_of(json_object_get_string(id));
    if (json_object_object_get_ex(envelope, "subject", &id) &&
        json_object_is_type(id, json_type_string))
        return str_of(json_object_get_string(id));
    return STR("");
}

static void drop(struct exchange *x, struct delivery *d, struct str student,
                 const struct problem *p)
{
    if (p->code == PROBLEM_INTERNAL_ERROR) { /* our fault, not the event's */
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    d->reason = cloudevent_error_line(p, x->arena);
    d->student = id_valid(student) ? student : STR("");
    d->outcome = DROP;
}

static void take(struct events *e, struct delivery *d, const struct event_input *in)
{
    d->item = &e->intake.items[e->intake.n++];
    d->item->input = *in;
}

/* An envelope, read or NULL, becomes an item or a dead letter. */
static void deliver(struct exchange *x, struct events *e, struct delivery *d,
                    const struct cloudevent *event, struct problem *p)
{
    struct event_input in = {0};

    if (p->code == PROBLEM_NONE && cloudevent_to_event(event, x->now_ms, x->arena, &in, p)) {
        take(e, d, &in);
        return;
    }
    event_metrics_add(x->engine, &in, EVENT_REJECTED);
    drop(x, d, in.has_student ? in.student : event->subject, p);
}

static void deliver_envelope(struct exchange *x, struct events *e, struct delivery *d,
                             struct json_object *envelope)
{
    struct cloudevent event = {.data = NULL};
    struct problem p = {0};

    (void)cloudevent_parse(envelope, x->arena, &event, &p);
    deliver(x, e, d, &event, &p);
    if (d->reason.p) {
        d->text = json_text(envelope, x->arena);
        if (d->student.n == 0 && id_valid(named_in(envelope)))
            d->student = named_in(envelope);
    }
}

/* A raw payload in a bulk: base64 of an envelope, or of the body of ingest alone. */
static void deliver_raw(struct exchange *x, struct events *e, struct delivery *d,
                        struct json_object *base64)
{
    struct problem p = {0};
    struct event_input in = {0};
    struct json_object *body = cloudevent_decode_base64(base64, x->arena, &p);

    if (json_object_object_get_ex(body, "specversion", NULL)) {
        deliver_envelope(x, e, d, body);
    } else if (body && cloudevent_bare_to_event(body, x->now_ms, x->arena, &in, &p)) {
        take(e, d, &in);
    } else {
        event_metrics_add(x->engine, &in, EVENT_REJECTED);
        drop(x, d, in.student, &p);
        d->text = json_text(body ? body : base64, x->arena);
    }
}

static bool make_room(struct exchange *x, struct events *e, enum form form, size_t n)
{
    e->form = form;
    e->v = arena_array(x->arena, n + 1, sizeof(*e->v));
    e->intake.items = arena_array(x->arena, n + 1, sizeof(*e->intake.items));
    if (e->v && e->intake.items)
        return true;
    problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

static void read_bulk(struct exchange *x, struct events *e, struct json_object *entries)
{
    size_t n = json_object_array_length(entries);

    if (!make_room(x, e, BULK, n))
        return;
    for (size_t i = 0; i < n; i++) {
        struct json_object *entry = json_object_array_get_idx(entries, i), *id, *event = NULL;
        struct delivery *d = &e->v[e->n];

        /* what has no name cannot be spoken of: the sidecar brings it again */
        if (!json_object_object_get_ex(entry, "entryId", &id) ||
            !json_object_is_type(id, json_type_string))
            continue;
        e->n++;
        d->entry = str_of(json_object_get_string(id));
        (void)json_object_object_get_ex(entry, "event", &event);
        if (json_object_is_type(event, json_type_string))
            deliver_raw(x, e, d, event);
        else
            deliver_envelope(x, e, d, event);
    }
}

static void read_batch(struct exchange *x, struct events *e, struct json_object *list)
{
    size_t n = json_object_array_length(list);

    if (!make_room(x, e, BATCH, n))
        return;
    for (e->n = 0; e->n < n; e->n++)
        deliver_envelope(x, e, &e->v[e->n], json_object_array_get_idx(list, e->n));
}

static void read_binary(struct exchange *x, struct events *e,
                        const struct cloudevent_headers *headers)
{
    struct cloudevent event = {.data = NULL};
    struct problem p = {0};

    if (!make_room(x, e, SINGLE, 1))
        return;
    e->n = 1;
    (void)cloudevent_parse_binary(headers, x->request.body, x->arena, &event, &p);
    deliver(x, e, &e->v[0], &event, &p);
    if (e->v[0].reason.p)
        e->v[0].text =
            event.data ? json_text(event.data, x->arena) : json_string(x->request.body, x->arena);
}

static bool is_bulk(struct json_object *body, struct json_object **ret_entries)
{
    struct json_object *type;

    return json_object_object_get_ex(body, "entries", ret_entries) &&
           json_object_is_type(*ret_entries, json_type_array) &&
           json_object_object_get_ex(body, "type", &type) &&
           json_object_is_type(type, json_type_string) &&
           strcmp(json_object_get_string(type), BULK_TYPE) == 0;
}

/* A body of JSON, whatever is in it. */
static void read_json(struct exchange *x, struct events *e, bool may_be_list)
{
    struct problem p = {0};
    struct json_object *body = json_parse(x->request.body, x->arena, &p), *entries;

    if (may_be_list && json_object_is_type(body, json_type_array)) {
        read_batch(x, e, body);
    } else if (is_bulk(body, &entries)) {
        read_bulk(x, e, entries);
    } else if (make_room(x, e, SINGLE, 1)) {
        e->n = 1;
        if (p.code == PROBLEM_NONE) {
            deliver_envelope(x, e, &e->v[0], body);
        } else {
            e->v[0].text = json_string(x->request.body, x->arena);
            event_metrics_add(x->engine, NULL, EVENT_REJECTED);
            drop(x, &e->v[0], STR(""), &p);
        }
    }
}

static void read_events(struct exchange *x, struct events *e)
{
    const struct http_request *r = &x->request;
    const struct cloudevent_headers headers = {
        r->ce_id,      r->ce_source, r->ce_specversion,    r->ce_type,
        r->ce_subject, r->ce_time,   r->ce_datacontenttype};
    bool structured = http_media_type_is(r->content_type, STR("application/cloudevents+json"));
    bool batch = http_media_type_is(r->content_type, STR("application/cloudevents-batch+json"));

    if (!structured && !batch && cloudevent_is_binary(&headers))
        read_binary(x, e, &headers);
    else if (structured || batch || http_media_type_is(r->content_type, STR("application/json")))
        read_json(x, e, batch);
    else
        problem_set(&x->problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
}

/* ---- events: recorded and answered ---- */

/* A letter about nobody we know of is kept at once; else it depends. */
static void ask_tombstones(struct exchange *x, struct events *e)
{
    for (size_t i = 0; i < e->n; i++) {
        struct delivery *d = &e->v[i];

        if (d->reason.p && d->student.n > 0)
            d->tombstone = erasure_cmd_tombstone(&x->pipeline, d->student);
        else
            d->to_keep = d->reason.p != NULL;
    }
}

static void ask_letters(struct exchange *x, struct events *e)
{
    for (size_t i = 0; i < e->n; i++) {
        struct delivery *d = &e->v[i];

        if (d->to_keep)
            d->letter =
                dead_letter_cmd_add(&x->pipeline, d->reason, STR("dapr"), d->text, x->now_ms);
        d->to_keep = false;
    }
}

/* Of somebody who is erased nothing is kept. What could not be kept is not dropped. */
static void read_letters(struct events *e)
{
    for (size_t i = 0; i < e->n; i++) {
        struct problem ignored = {0};
        struct delivery *d = &e->v[i];
        bool erased = false;

        if ((d->letter && !dead_letter_parse_add(d->letter, &ignored)) ||
            (d->tombstone && !erasure_parse_tombstone(d->tombstone, &erased, &ignored)))
            d->outcome = RETRY;
        else
            d->to_keep = d->tombstone && !erased;
        d->letter = d->tombstone = NULL;
    }
}

/* The event of a student who is erased, or who wants no new data, is dropped; that somebody has
 * tried, which the other ways in say by 403, is for the audit log to tell. */
static void read_items(struct exchange *x, struct events *e)
{
    x->audit_denied.v = arena_array(x->arena, e->n + 1, sizeof(*x->audit_denied.v));
    for (size_t i = 0; i < e->n; i++) {
        const struct event_batch_item *item = e->v[i].item;

        if (!item)
            continue;
        if (item->problem.code == PROBLEM_FORBIDDEN && x->audit_denied.v)
            x->audit_denied.v[x->audit_denied.n++] = item->input.student;
        if (item->problem.code == PROBLEM_NOT_FOUND || item->problem.code == PROBLEM_FORBIDDEN)
            e->v[i].outcome = DROP;
        else
            e->v[i].outcome = item->problem.code == PROBLEM_NONE ? SUCCESS : RETRY;
    }
}

static void answer(struct exchange *x, const struct events *e)
{
    enum outcome all = e->n > 0 ? DROP : SUCCESS;
    struct jw w;

    for (size_t i = 0; i < e->n; i++) {
        if (e->v[i].outcome < all)
            all = e->v[i].outcome;
    }
    http_response_json(&x->response, 200, &w);
    if (e->form == BULK) {
        jw_array(&w, "statuses");
        for (size_t i = 0; i < e->n; i++) {
            jw_object(&w, NULL);
            jw_str(&w, "entryId", e->v[i].entry);
            jw_text(&w, "status", outcome_names[e->v[i].outcome]);
            jw_object_end(&w);
        }
        jw_array_end(&w);
    } else {
        jw_text(&w, "status", outcome_names[all]);
    }
    jw_object_end(&w);
}

static struct events *begin(struct exchange *x)
{
    struct events *e = arena_zalloc(x->arena, sizeof(*e));

    if (!e) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return NULL;
    }
    e->intake.now_ms = x->now_ms;
    e->intake.actor = x->caller.user;
    e->intake.actor_role = role_names[x->caller.role];
    e->intake.correlation_id = x->request_id;
    e->intake.traceparent = exchange_traceparent(x);
    read_events(x, e);
    ask_tombstones(x, e);
    x->state = e;
    return x->problem.code == PROBLEM_NONE ? e : NULL;
}

static enum step events(struct exchange *x)
{
    struct events *e = x->state;
    enum step more;

    if (e)
        read_letters(e);
    else
        e = begin(x);
    if (!e)
        return STEP_DONE;
    more = event_batch_step(&e->intake, x->engine, &x->pipeline);
    ask_letters(x, e);
    if (more == STEP_MORE || x->pipeline.count > 0)
        return STEP_MORE;
    read_items(x, e);
    answer(x, e);
    return STEP_DONE;
}

/* ---- the table ---- */

/* clang-format off */
static const struct rule subscriptions[] = {
    {.name = "pubsubname", .type = RULE_TEXT, .required = true, .description = "The pub/sub component"},
    {.name = "topic", .type = RULE_TEXT, .required = true, .description = "The topic of learning events"},
    {.name = "route", .type = RULE_TEXT, .required = true, .description = "Where its events are to be sent"},
    {.name = "deadLetterTopic", .type = RULE_TEXT, .description = "Where dropped ones go, when configured"},
    {.name = "bulkSubscribe", .type = RULE_JSON, .description = "How many may come in one call, when configured"},
    {0},
};

static const struct rule no_fields[] = {{0}};

/* For the document: the handler reads the body by itself. */
static const struct rule envelope[] = {
    {.name = "specversion", .type = RULE_TEXT, .required = true, .description = "1.0"},
    {.name = "id", .type = RULE_TEXT, .required = true, .description = "The event's id, unless data has an event_id"},
    {.name = "source", .type = RULE_TEXT, .required = true, .description = "Who says so"},
    {.name = "type", .type = RULE_TEXT, .required = true, .description = "An event_type of ingest, or com.dapr.event.sent around the body of ingest"},
    {.name = "subject", .type = RULE_TEXT, .nullable = true, .description = "The student, unless data has a student_id"},
    {.name = "time", .type = RULE_TIME, .nullable = true, .description = "When it happened, unless data has a timestamp"},
    {.name = "data", .type = RULE_JSON, .nullable = true, .description = "The body of ingest, or its data alone"},
    {.name = "data_base64", .type = RULE_TEXT, .nullable = true, .description = "The same in base64"},
    {0},
};

static const char *const statuses[] = {"SUCCESS", "RETRY", "DROP", NULL};

static const struct rule entry_status[] = {
    {.name = "entryId", .type = RULE_TEXT, .required = true, .description = "The entry of a bulk"},
    {.name = "status", .type = RULE_ENUM, .required = true, .choices = statuses, .description = "What became of it"},
    {0},
};

static const struct rule events_answer[] = {
    {.name = "status", .type = RULE_ENUM, .choices = statuses, .description = "SUCCESS counted, now or before; RETRY the store is away; DROP never to be counted: kept as a dead letter, or forgotten when the student is erased or wants no new data"},
    {.name = "statuses", .type = RULE_OBJECTS, .fields = entry_status, .description = "For a bulk: one an entry"},
    {0},
};

static const struct route routes[] = {
    {.name = "dapr-subscribe", .method = GET, .pattern = "/dapr/subscribe", .access = ACCESS_OPEN,
     .flags = ROUTE_SIDECAR_ONLY | ROUTE_UNLIMITED | ROUTE_LIST_RESPONSE, .handler = subscribe, .status = 200, .response = subscriptions,
     .summary = "The topics that the engine wants from Dapr"},
    {.name = "dapr-config", .method = GET, .pattern = "/dapr/config", .access = ACCESS_OPEN,
     .flags = ROUTE_SIDECAR_ONLY | ROUTE_UNLIMITED, .handler = config, .status = 200, .response = no_fields,
     .summary = "What Dapr is to know of its app: nothing"},
    {.name = "dapr-events", .method = POST, .pattern = EVENTS_PATH, .access = ACCESS_HANDLER,
     .flags = ROUTE_SIDECAR_ONLY | ROUTE_UNLIMITED | ROUTE_BIG_BODY | ROUTE_RAW_BODY | ROUTE_JOURNALED | ROUTE_PERSONAL, .rules = envelope,
     .body_type = "application/cloudevents+json", .handler = events, .status = 200, .response = events_answer,
     .summary = "Learning events that Dapr brings, as CloudEvents"},
};
/* clang-format on */

const struct route_table dapr_routes = {"dapr", routes, sizeof(routes) / sizeof(routes[0])};

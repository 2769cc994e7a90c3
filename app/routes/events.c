/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/events: records learning events that publishers without Dapr send as CloudEvents 1.0, one
 * or a batch (docs/events.md, CloudEvents). ingest/cloudevent.c, shared with /dapr/events, converts
 * a CloudEvent to a learning event.
 *
 * A malformed event, a missing right, an erased student or a withdrawn consent makes the whole
 * request fail before anything is written. The first round trip reads rights, erasures and consents
 * (of a single event only the rights: the script that records it checks the rest), and also the
 * states of the students, which event_batch_step needs. Only if Redis fails while the events are
 * being written (503) may some of them be recorded. When the request is repeated, each event counts
 * once, because each has its own id (struct cloudevent). */
#include "app/http/json.h"
#include "app/ingest/cloudevent.h"
#include "app/pipeline/exchange.h"
#include "app/pipeline/idempotency.h"
#include "app/pipeline/respond.h"
#include "app/routes/event_request.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/routes/write_access.h"
#include "app/store/erasure.h"

enum { EVENTS_MAX = 1000, EVENTS_PER_MINUTE = 100 };

/* The commands whose replies decide whether the request may write about one student. */
struct student_check {
    /* reads the student's cohorts; NULL: the caller's right does not depend on them */
    struct command *cohorts;
    /* NULL for a single event, because the script that records it reads both itself */
    struct command *consent, *tombstone;
};

/* State of a request between its steps. */
struct publication {
    struct event_batch batch;     /* the events, in the order of the request */
    struct str_list students;     /* the students of the events, each once */
    struct student_check *checks; /* decides whether the request may write about students.v[i] */
    struct write_access access;
    bool checked; /* true: the replies of the first round trip were evaluated */
};

/* ---- parsing ---- */

/* Adds the faults of one event to x->problem. place: index of the event in a batch, which precedes
 * the names of its fields, as in "[2].time"; NULL for a single event. */
static void publication_add_faults(struct exchange *x, const struct problem *faults,
                                   const size_t *place)
{
    for (const struct field_error *error = faults->fields; error; error = error->next) {
        struct str field = error->field;

        if (place)
            field = arena_printf(x->arena, "[%zu].%.*s", *place, STR_ARG(error->field));
        problem_field(&x->problem, x->arena, field, "%.*s", STR_ARG(error->message));
    }
    /* needed for a fault without fields; has no effect if x->problem is set already */
    problem_set(&x->problem, faults->code, NULL);
}

/* Adds one parsed event to the batch, or its faults to x->problem. faults: the problem of its
 * parsing; its code is PROBLEM_NONE if there was none. place: index of the event in the request;
 * NULL when the request is one event. A caller who is a student may omit the own id. */
static void publication_add(struct exchange *x, struct publication *publication,
                            struct cloudevent *event, struct problem *faults, const size_t *place)
{
    struct event_input *input = &publication->batch.items[publication->batch.n].input;

    if (event->subject.n == 0 && x->caller.role == ROLE_STUDENT)
        event->subject = x->caller.user;
    if (faults->code == PROBLEM_NONE &&
        cloudevent_to_event(event, x->now_ms, x->arena, input, faults)) {
        publication->batch.n++;
        return;
    }
    event_metrics_add(x->engine, input, EVENT_REJECTED);
    publication_add_faults(x, faults, place);
    *input = (struct event_input){0}; /* the next event is parsed into the same item */
}

/* Allocates room for n events. Returns false with x->problem set when there are too many, or when
 * out of memory. */
static bool publication_allocate(struct exchange *x, struct publication *publication, size_t n)
{
    if (n > EVENTS_MAX) {
        problem_set(&x->problem, PROBLEM_PAYLOAD_TOO_LARGE,
                    "A batch has at most %d events: send the rest in further requests", EVENTS_MAX);
        return false;
    }
    publication->batch.items = arena_array(x->arena, n, sizeof(*publication->batch.items));
    if (!publication->batch.items)
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
    return publication->batch.items;
}

/* Parses one event, a JSON object, and adds it to the batch, or its faults to x->problem. place:
 * index of the event in the request; NULL: the request is one event. */
static void publication_parse_envelope(struct exchange *x, struct publication *publication,
                                       struct json_object *envelope, const size_t *place)
{
    struct cloudevent event = {.data = NULL};
    struct problem faults = {0};

    /* a failure is in faults.code, which publication_add evaluates */
    (void)cloudevent_parse(envelope, x->arena, &event, &faults);
    publication_add(x, publication, &event, &faults, place);
}

/* Parses the JSON body: a list of events if is_batch, else one event ("structured" mode of
 * CloudEvents). */
static void publication_parse_json(struct exchange *x, struct publication *publication,
                                   bool is_batch)
{
    struct json_object *body =
        json_parse_limited(x->request.body, exchange_json_values_max(x), x->arena, &x->problem);
    size_t n =
        is_batch && json_object_is_type(body, json_type_array) ? json_object_array_length(body) : 1;

    if (x->problem.code != PROBLEM_NONE)
        return;
    if (is_batch && !json_object_is_type(body, json_type_array)) {
        problem_field(&x->problem, x->arena, STR("body"), "must be a list of events");
        return;
    }
    if (!publication_allocate(x, publication, n))
        return;
    if (!is_batch)
        publication_parse_envelope(x, publication, body, NULL);
    for (size_t i = 0; is_batch && i < n; i++)
        publication_parse_envelope(x, publication, json_object_array_get_idx(body, i), &i);
}

/* Parses a request in binary mode: one event, whose attributes are in headers. */
static void publication_parse_binary(struct exchange *x, struct publication *publication,
                                     const struct cloudevent_headers *headers)
{
    struct cloudevent event = {.data = NULL};
    struct problem faults = {0};

    if (!publication_allocate(x, publication, 1))
        return;
    (void)cloudevent_parse_binary(headers, x->request.body, x->arena, &event, &faults);
    publication_add(x, publication, &event, &faults, NULL);
}

/* Parses the events: the headers say whether they come structured, as a batch or in binary mode
 * (enum cloudevent_form). Sets x->problem if any is malformed. */
static void publication_parse(struct exchange *x, struct publication *publication)
{
    const struct cloudevent_headers headers = cloudevent_headers_of(&x->request);

    switch (cloudevent_form_of(x->request.content_type, &headers)) {
    case CLOUDEVENT_STRUCTURED: publication_parse_json(x, publication, /* is_batch */ false); break;
    case CLOUDEVENT_BATCH: publication_parse_json(x, publication, /* is_batch */ true); break;
    case CLOUDEVENT_BINARY: publication_parse_binary(x, publication, &headers); break;
    case CLOUDEVENT_NO_FORM:
        problem_set(&x->problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE, CLOUDEVENT_NO_FORM_MESSAGE);
    }
}

/* ---- rights and consent ---- */

/* Lists the students of all events, each once, and allocates publication->checks, which
 * publication_queue fills for them. Returns false with x->problem set when out of memory. */
static bool publication_list_students(struct exchange *x, struct publication *publication)
{
    struct str *all = arena_array(x->arena, publication->batch.n, sizeof(*all));

    publication->checks = arena_array(x->arena, publication->batch.n, sizeof(*publication->checks));
    if (!all || !publication->checks) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    for (size_t i = 0; i < publication->batch.n; i++)
        all[i] = publication->batch.items[i].input.student;
    str_sort(all, publication->batch.n);
    publication->students.v = all;
    for (size_t i = 0; i < publication->batch.n; i++) {
        if (i == 0 || !str_equal(all[i], all[publication->students.n - 1]))
            all[publication->students.n++] = all[i];
    }
    return true;
}

/* Queues the reads that decide whether the request may write about its students. For a single event
 * consent and tombstone are not read here: the script that records it checks both. */
static void publication_queue(struct exchange *x, struct publication *publication)
{
    for (size_t i = 0; i < publication->students.n; i++) {
        struct student_check *check = &publication->checks[i];

        check->cohorts = write_access_queue(x, &publication->access, publication->students.v[i]);
        if (publication->batch.n == 1)
            continue;
        check->consent = student_cmd_consent(&x->pipeline, publication->students.v[i]);
        check->tombstone = erasure_cmd_tombstone(&x->pipeline, publication->students.v[i]);
    }
    idempotency_queue_students(x, &publication->students);
}

/* Parses the request and queues the first round trip, which reads whether the caller may write
 * about each student. Returns NULL with x->problem set. */
static struct publication *publication_begin(struct exchange *x)
{
    struct publication *publication = exchange_new_state(x, sizeof(*publication));

    if (!publication)
        return NULL;
    event_request_begin(x, &publication->batch);
    publication_parse(x, publication);
    if (x->problem.code == PROBLEM_NONE && publication_list_students(x, publication))
        publication_queue(x, publication);
    x->audit_subjects = publication->students;
    return x->problem.code == PROBLEM_NONE ? publication : NULL;
}

/* Decides, by what was read about the students, whether the request may write about all of them.
 * Tombstone and consent were read for a batch only (publication_queue). Returns false with
 * x->problem set if it may not; its events are then counted as rejected. */
static bool publication_check(struct exchange *x, struct publication *publication)
{
    publication->checked = true;
    for (size_t i = 0; i < publication->students.n; i++)
        write_access_check(x, &publication->access, publication->checks[i].cohorts);
    for (size_t i = 0; i < publication->students.n && x->problem.code == PROBLEM_NONE; i++) {
        const struct student_check *check = &publication->checks[i];
        bool erased = false;

        if (!check->tombstone || !erasure_parse_tombstone(check->tombstone, &erased, &x->problem))
            continue;
        if (erased)
            problem_set(&x->problem, PROBLEM_FORBIDDEN, CONSENT_AFTER_ERASURE);
        else if (student_has_withdrawn(check->consent, CONSENT_DATA_PROCESSING))
            problem_set(&x->problem, PROBLEM_FORBIDDEN, CONSENT_NO_NEW_DATA);
    }
    for (size_t i = 0; i < publication->batch.n && x->problem.code == PROBLEM_FORBIDDEN; i++)
        event_metrics_add(x->engine, &publication->batch.items[i].input, EVENT_REJECTED);
    return x->problem.code == PROBLEM_NONE;
}

/* ---- handlers ---- */

/* Writes the response with the ids under which the events are recorded, in the order of the
 * request. */
static void publication_respond(struct exchange *x, const struct publication *publication)
{
    struct jw w;

    http_response_json(&x->response, x->route->status, &w);
    jw_text(&w, "status", "accepted");
    jw_array(&w, "event_ids");
    for (size_t i = 0; i < publication->batch.n; i++)
        jw_str(&w, NULL, publication->batch.items[i].input.event_id);
    jw_array_end(&w);
    exchange_json_end(x, &w);
}

/* Handler of POST /api/v1/events: parse, check, record, respond. The first call of event_batch_step
 * only queues reads, which share the round trip of the checks; it writes from its second call on,
 * after publication_check. An event that was recorded before is accepted and changes nothing. */
static enum step events_publish(struct exchange *x)
{
    struct publication *publication = x->state;

    if (!publication)
        publication = publication_begin(x);
    else if (!publication->checked && !publication_check(x, publication))
        return STEP_DONE;
    if (!publication)
        return STEP_DONE;
    if (event_batch_step(&publication->batch, x->engine, &x->pipeline) == STEP_MORE)
        return STEP_MORE;
    for (size_t i = 0; i < publication->batch.n && x->problem.code == PROBLEM_NONE; i++)
        /* why the event was not recorded; PROBLEM_NONE if it was */
        x->problem = publication->batch.items[i].problem;
    if (x->problem.code == PROBLEM_NONE)
        publication_respond(x, publication);
    return STEP_DONE;
}

/* Returns the value of the header WebHook-Allowed-Origin. allowed: list of origins, separated by
 * commas. The value is an asterisk if the list has one, or the publisher's origin if the list has
 * it, or empty. */
static struct str webhook_allowed_origin(const char *allowed, struct str origin)
{
    struct str rest = str_of(allowed), found = STR("");

    while (rest.n > 0) {
        struct str word = str_trim(str_cut(&rest, ','));

        if (str_equal(word, STR("*")))
            return word;
        if (word.n > 0 && str_equal_nocase(word, origin))
            found = origin;
    }
    return found;
}

/* Handler of OPTIONS: the handshake by which a sender of webhooks learns whether this address
 * expects its events (CloudEvents, http-webhook.md, section 4). Two headers say so; without them
 * the response is the usual one to OPTIONS. The handshake gives no access: events need a token. */
static enum step events_handshake(struct exchange *x)
{
    struct str origin = x->request.webhook_origin, allowed = STR("");

    respond_allowed_methods(x);
    if (origin.n > 0)
        allowed = webhook_allowed_origin(x->engine->config.webhook_origins, origin);
    if (allowed.n == 0)
        return STEP_DONE;
    (void)http_response_header(&x->response, "WebHook-Allowed-Origin", allowed);
    (void)http_response_header(&x->response, "WebHook-Allowed-Rate",
                               arena_printf(x->arena, "%d", x->route->limit_per_minute));
    return STEP_DONE;
}

/* ---- tables ---- */

/* clang-format off */
static const char *const specversions[] = {"1.0", NULL};

/* The attributes of a CloudEvent, only for the OpenAPI document: the handler parses the body
 * itself. .max is the limit of the body, because an attribute has no limit of its own. */
static const struct rule envelope[] = RULES(
    FIELD(TEXT, "specversion", "1.0", .choices = specversions),
    FIELD(TEXT, "id", "With source it identifies the event, unless data has an event_id",
          .min = 1, .max = ROUTE_BIG_BODY_MAX, .example = "example-1"),
    FIELD(TEXT, "source", "Where the event comes from", .min = 1, .max = ROUTE_BIG_BODY_MAX,
          .example = "/example"),
    FIELD(TEXT, "type", "An event_type of ingest, or any other around the body of ingest",
          .min = 1, .max = ROUTE_BIG_BODY_MAX, .example = "milestone.reached"),
    CLOUDEVENT_OPTIONAL_FIELDS);

static const char *const statuses[] = {"accepted", NULL};

static const struct rule publish_response[] = RULES(
    FIELD(ENUM, "status", "Stored, now or before", .choices = statuses),
    FIELD(TEXTS, "event_ids", "The ids under which the events are recorded, in their order"),
    SHAPE_CORRELATION);

#define EVENTS                                                                                     \
    .pattern = "/api/v1/events", .bucket = "events", .limit_per_minute = EVENTS_PER_MINUTE

static const struct route routes[] = {
    {.name = "events", .method = POST, EVENTS, .access = ACCESS_HANDLER,
     .flags = ROUTE_PERSONAL | ROUTE_RAW_BODY | ROUTE_JOURNALED | ROUTE_IDEMPOTENT |
              ROUTE_BIG_BODY | ROUTE_CLOUDEVENTS,
     .rules = envelope, .handler = events_publish, .body_types = cloudevent_media_types,
     .status = 202, .response = publish_response,
     .summary = "Records learning events that come as CloudEvents, one or a batch of up to 1000"},
    {.name = "events-handshake", .method = OPTIONS, EVENTS, .access = ACCESS_OPEN,
     .flags = ROUTE_WEBHOOK, .handler = events_handshake, .status = 204,
     .summary = "Webhook handshake: says whether events of an origin are expected"},
};
/* clang-format on */

const struct route_table events_routes = {"events", routes, sizeof(routes) / sizeof(routes[0]),
                                          NULL};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /dapr: the requests that Dapr's sidecar (the process of Dapr that delivers messages to an
 * application) sends to this application: one for its subscriptions, one for its configuration, and
 * those with learning events, which are CloudEvents (docs/events.md, Dapr pub/sub).
 *
 * One bad event never makes a whole delivery fail. Each event is either recorded, or stored as a
 * dead letter (for an operator), or left to be delivered again. Nothing may be stored about an
 * erased student; Redis has a tombstone for each of them. Steps: parse all events; record the good
 * ones and read the tombstones for the bad ones; store the dead letters and read the tombstones
 * again; remove the dead letters about students who were erased meanwhile; respond. */
#include "app/http/json.h"
#include "app/ingest/cloudevent.h"
#include "app/ingest/dapr_bulk.h"
#include "app/pipeline/exchange.h"
#include "app/routes/event_request.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/letter_names.h"
#include "app/store/erasure.h"

#define EVENTS_PATH "/dapr/events"

/* EVENT_MAX: bytes of the longest event that is parsed; a longer one is dropped. BULK_MAX: most
 * bytes of events of a bulk delivery that are parsed in one request, so that several copies of them
 * fit into the arena of a request. */
enum { EVENT_MAX = LETTER_PARSED_MAX, BULK_MAX = 12 << 20 };

/* ---- read by the sidecar at its start ---- */

/* Lists the subscriptions, which the sidecar reads at its start. No token is required, because
 * sidecars before Dapr 1.14 send none here (hazards W12). */
static enum step dapr_subscribe(struct exchange *x)
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
        jw_int(&w, "maxAwaitDurationMs", config->dapr_bulk_wait_ms);
        jw_object_end(&w);
    }
    jw_object_end(&w);
    jw_array_end(&w);
    return STEP_DONE;
}

/* Responds with an empty object, because this application has no actors and no settings for the
 * sidecar. */
static enum step dapr_config(struct exchange *x)
{
    struct jw w;

    http_response_json(&x->response, 200, &w);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- events: parsing ---- */

/* Form of the request, which decides the form of the response: SINGLE is one CloudEvent, BATCH a
 * list of CloudEvents, BULK Dapr's own list of entries with ids. */
enum form { SINGLE, BATCH, BULK };

/* The outcome of an event, in Dapr's words: delivered again, recorded, or given up. The order
 * matters for a BATCH, whose response has one status for all its events, the lowest outcome: RETRY
 * if any event must be delivered again, else SUCCESS if any was recorded. */
enum outcome { RETRY, SUCCESS, DROP };
static const char *const outcome_names[] = {
    [RETRY] = "RETRY", [SUCCESS] = "SUCCESS", [DROP] = "DROP"};

/* How far the dead letter of an event has been processed. */
enum letter_stage {
    LETTER_NONE, /* the event has no dead letter, or nothing is left to do for it */
    LETTER_NEW,  /* the students in the event were not looked up yet */
    /* the tombstones of its students are being read, before the letter is stored */
    LETTER_CHECKING,
    LETTER_ALLOWED,  /* the letter may be stored: none of its students is erased */
    LETTER_STORING,  /* the letter is being stored; the tombstones are read once more afterwards */
    LETTER_REMOVING, /* the letter is being removed, because a student was erased meanwhile */
};

/* One event of the request: either an item to record or a dead letter. */
struct delivery {
    struct str entry;  /* entryId of a BULK entry; empty in other forms */
    struct str reason; /* why the event can never be recorded; p NULL: it can be */
    struct str text;   /* JSON of the event, kept in the dead letter */
    /* student of the event, perhaps named only by the header ce-subject; may be empty */
    struct str subject;
    enum letter_stage stage;
    /* ids of students and others in `text` (letter_names_find): no letter may name an erased
     * student */
    struct letter_names names;
    /* commands of the present stage: letter stores the dead letter (LETTER_STORING only);
     * tombstones read, for each of its students, whether the student is erased */
    struct command *letter, *tombstones[LETTER_STUDENTS_MAX];
    struct event_batch_item *item; /* item of events.batch; NULL for a dead letter */
    enum outcome outcome;
};

/* State of a request: all its events, in the order of the request. */
struct events {
    enum form form;
    /* the request is a BULK whose entries cannot be read; it is treated as one event */
    bool unreadable_bulk;
    struct delivery *v;
    size_t n;
    struct event_batch batch; /* the valid events, which are to be recorded */
};

/* Returns the JSON text of a value in the arena; a value that is NULL becomes the text null. */
static struct str json_text(struct json_object *json, struct arena *arena)
{
    const char *text = json_object_to_json_string_ext(json, JSON_C_TO_STRING_NOSLASHESCAPE);

    return arena_copy(arena, str_of(text ? text : "null"));
}

/* Marks the event as one that can never be recorded: it becomes a dead letter with the reason in
 * *p. student: its student, if known. An internal error says nothing about the event, so it makes
 * the whole request fail instead, and Dapr delivers all events again. */
static void delivery_make_letter(struct exchange *x, struct delivery *delivery, struct str student,
                                 const struct problem *p)
{
    if (p->code == PROBLEM_INTERNAL_ERROR) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    delivery->reason = cloudevent_error_line(p, x->arena);
    delivery->subject = student;
    delivery->stage = LETTER_NEW;
    delivery->outcome = DROP;
}

/* Adds one event: to the events to record, or as a dead letter. p is the result of converting it to
 * *input: its code is PROBLEM_NONE if the event is valid. text: its JSON, for the dead letter. */
static void delivery_add(struct exchange *x, struct events *events, struct delivery *delivery,
                         const struct event_input *input, struct str text, const struct problem *p)
{
    if (p->code == PROBLEM_NONE) {
        /* events_allocate has made room for all */
        delivery->item = &events->batch.items[events->batch.n++];
        delivery->item->input = *input;
        return;
    }
    event_metrics_add(x->engine, input, EVENT_REJECTED);
    delivery_make_letter(x, delivery, input->student, p);
    delivery->text = text;
}

/* Adds an event in JSON, in any of the forms that publishers and Dapr send: an object or, in an
 * entry of a BULK (enum form), a string with the event in base64. A string that is not base64 of
 * JSON leaves event NULL. The JSON text is made only for an event that becomes a dead letter. */
static void delivery_add_json(struct exchange *x, struct events *events, struct delivery *delivery,
                              struct json_object *json)
{
    struct json_object *event = json;
    struct event_input in = {0};
    struct problem p = {0};

    if (json_object_is_type(json, json_type_string))
        event = cloudevent_decode_base64(json, x->arena, &p);
    /* a failure is in p.code, which delivery_add evaluates */
    if (p.code == PROBLEM_NONE)
        (void)cloudevent_json_to_event(event, x->now_ms, x->arena, &in, &p);
    delivery_add(x, events, delivery, &in,
                 p.code == PROBLEM_NONE ? STR("") : json_text(event ? event : json, x->arena), &p);
}

/* Allocates room for n events. Returns false with x->problem set when out of memory. */
static bool events_allocate(struct exchange *x, struct events *events, enum form form, size_t n)
{
    events->form = form;
    events->v = arena_array(x->arena, n, sizeof(*events->v));
    events->batch.items = arena_array(x->arena, n, sizeof(*events->batch.items));
    if (events->v && events->batch.items)
        return true;
    problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

/* How much of a BULK may still be parsed in this request: all its events share the limits of one
 * request. */
struct bulk_room {
    size_t bytes, values;
};

/* Adds the event of one entry of a BULK (enum form). An event that is not JSON, is longer than
 * EVENT_MAX, or has too many values even alone (json_check) becomes a dead letter. An event that
 * only exceeds what earlier events have left of the limits (room) is not added and keeps its
 * initial outcome RETRY: the sidecar delivers it again, without the events that got another status.
 */
static void delivery_add_text(struct exchange *x, struct events *events, struct delivery *delivery,
                              struct str text, struct bulk_room *room)
{
    const struct event_input unknown = {0};
    struct json_object *event = NULL;
    struct problem p = {0};
    size_t offset;

    if (text.n > EVENT_MAX)
        problem_set(&p, PROBLEM_PAYLOAD_TOO_LARGE, NULL);
    else if (text.n > room->bytes)
        return;
    else
        event = json_parse_counted(text, &room->values, x->arena, &p);
    if (p.code == PROBLEM_NONE) {
        room->bytes -= text.n;
        delivery_add_json(x, events, delivery, event);
    } else if (text.n > EVENT_MAX || p.code != PROBLEM_PAYLOAD_TOO_LARGE ||
               !json_check(text, JSON_VALUES_MAX, x->arena, &offset)) {
        delivery_add(x, events, delivery, &unknown, text, &p);
    }
}

/* Parses the entries of a BULK, Dapr's own list: each has an id, by which it gets its own status,
 * and a CloudEvent or raw payload. (A BATCH is a plain list of CloudEvents.) Entries that exceed
 * what earlier ones have left of the limits of one request (room) get the status RETRY, by which
 * the sidecar delivers them again.
 */
static void events_parse_bulk(struct exchange *x, struct events *events,
                              const struct dapr_bulk *bulk)
{
    struct bulk_room room = {BULK_MAX, JSON_VALUES_MAX};

    if (!events_allocate(x, events, BULK, bulk->n))
        return;
    for (size_t i = 0; i < bulk->n && x->problem.code == PROBLEM_NONE; i++) {
        const struct dapr_bulk_entry *entry = &bulk->entries[i];
        struct problem ignored = {0};
        struct str id = json_str(json_parse(entry->id, x->arena, &ignored));
        struct delivery *delivery = &events->v[events->n];

        /* an entry without an id cannot get a status, so it is skipped, and the sidecar delivers it
         * again */
        if (!id.p)
            continue;
        events->n++;
        delivery->entry = id;
        /* an entry without an event is refused as the value null is */
        delivery_add_text(x, events, delivery, entry->event.p ? entry->event : STR("null"), &room);
    }
}

/* Parses a BATCH, a list of CloudEvents. */
static void events_parse_batch(struct exchange *x, struct events *events, struct json_object *list)
{
    size_t n = json_object_array_length(list);

    if (!events_allocate(x, events, BATCH, n))
        return;
    for (events->n = 0; events->n < n; events->n++)
        delivery_add_json(x, events, &events->v[events->n],
                          json_object_array_get_idx(list, events->n));
}

/* Parses a request in the binary mode of CloudEvents: one event, whose attributes are in ce-
 * headers, and whose data are the body. */
static void events_parse_binary(struct exchange *x, struct events *events,
                                const struct cloudevent_headers *headers)
{
    struct cloudevent event = {.data = NULL};
    struct event_input in = {0};
    struct problem p = {0};

    if (!events_allocate(x, events, SINGLE, 1))
        return;
    events->n = 1;
    if (cloudevent_parse_binary(headers, x->request.body, x->arena, &event, &p))
        (void)cloudevent_to_event(&event, x->now_ms, x->arena, &in, &p);
    if (in.student.n == 0)
        in.student = event.subject; /* names the student of a dead letter */
    delivery_add(x, events, &events->v[0], &in,
                 event.data ? json_text(event.data, x->arena) : x->request.body, &p);
}

/* Makes the whole body one dead letter, because it cannot be parsed; p is the reason. The entries
 * of a BULK then cannot get a status each; unreadable_bulk makes the response end the delivery of
 * the whole BULK. */
static void events_make_letter(struct exchange *x, struct events *events, const struct problem *p)
{
    const struct event_input unknown = {0};
    const struct str body = x->request.body, bulk_type = STR("\"" DAPR_BULK_TYPE "\"");

    if (!events_allocate(x, events, SINGLE, 1))
        return;
    events->n = 1;
    events->unreadable_bulk =
        http_media_type_is(x->request.content_type, STR("application/json")) && body.n > 0 &&
        memmem(body.p, body.n, bulk_type.p, bulk_type.n);
    delivery_add(x, events, &events->v[0], &unknown, body, p);
}

/* Parses a JSON body. A list is accepted only if may_be_list, which the content type
 * application/cloudevents-batch+json sets. */
static void events_parse_json(struct exchange *x, struct events *events, bool may_be_list)
{
    struct problem p = {0};
    struct json_object *body = json_parse(x->request.body, x->arena, &p);

    if (p.code != PROBLEM_NONE) {
        events_make_letter(x, events, &p);
    } else if (may_be_list && json_object_is_type(body, json_type_array)) {
        events_parse_batch(x, events, body);
    } else if (events_allocate(x, events, SINGLE, 1)) {
        events->n = 1;
        delivery_add_json(x, events, &events->v[0], body);
    }
}

/* Chooses the parser by content type and headers. An unknown content type sets x->problem. */
static void events_parse(struct exchange *x, struct events *events)
{
    const struct cloudevent_headers headers = cloudevent_headers_of(&x->request);
    struct problem too_large = {0};
    struct dapr_bulk bulk;

    if (http_media_type_is(x->request.content_type, STR("application/json")) &&
        dapr_bulk_split(x->request.body, x->arena, &bulk)) {
        events_parse_bulk(x, events, &bulk);
        return;
    }
    if (x->request.body.n > EVENT_MAX) {
        problem_set(&too_large, PROBLEM_PAYLOAD_TOO_LARGE, NULL);
        events_make_letter(x, events, &too_large);
        return;
    }
    switch (cloudevent_form_of(x->request.content_type, &headers)) {
    case CLOUDEVENT_STRUCTURED: events_parse_json(x, events, /* may_be_list */ false); break;
    case CLOUDEVENT_BATCH: events_parse_json(x, events, /* may_be_list */ true); break;
    case CLOUDEVENT_BINARY: events_parse_binary(x, events, &headers); break;
    case CLOUDEVENT_NO_FORM:
        problem_set(&x->problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE, CLOUDEVENT_NO_FORM_MESSAGE);
    }
}

/* ---- events: recording and response ---- */

/* Queues the reading of the tombstones (marks of erased students) of the dead letter's students. */
static void letter_queue_tombstones(struct exchange *x, struct delivery *delivery)
{
    for (size_t i = 0; i < delivery->names.student_count; i++)
        delivery->tombstones[i] = erasure_cmd_tombstone(&x->pipeline, delivery->names.students[i]);
}

/* Queues the next commands of a dead letter. LETTER_NEW: reads the tombstones of its students;
 * depending on the replies letter_advance sets LETTER_ALLOWED, or LETTER_NONE if a student is
 * erased. LETTER_ALLOWED: stores it and then reads the tombstones again, because a student may have
 * been erased since. A dead letter without a known student has no tombstone to read, so it is
 * stored at once, without its payload (always_keep is for payloads that cannot be about a student).
 */
static void letter_queue(struct exchange *x, struct delivery *delivery)
{
    struct dead_letter_new letter = {.reason = delivery->reason, .source = STR("dapr")};

    if (delivery->stage == LETTER_NEW) {
        letter_names_find(&delivery->names, delivery->text, delivery->subject, x->arena);
        letter_queue_tombstones(x, delivery);
        delivery->stage = delivery->names.student_count > 0 ? LETTER_CHECKING : LETTER_ALLOWED;
    }
    if (delivery->stage == LETTER_ALLOWED) {
        letter_set_payload(&letter, delivery->text, &delivery->names, /* always_keep */ false);
        delivery->letter = dead_letter_cmd_add(&x->pipeline, &letter, x->now_ms);
        letter_queue_tombstones(x, delivery);
        delivery->stage = LETTER_STORING;
    }
}

/* Evaluates the replies to the commands of a dead letter in the stages LETTER_CHECKING (only
 * tombstones were read) and LETTER_STORING. *ret_id: id of the stored letter; unchanged in
 * LETTER_CHECKING. *ret_erased: whether one of its students is erased. Returns false if Redis has
 * failed, or when out of memory; the reason is not needed, because the event is delivered again. */
static bool letter_parse(struct delivery *delivery, struct str *ret_id, bool *ret_erased)
{
    struct problem ignored = {0};
    bool erased;

    *ret_erased = false;
    if (delivery->stage == LETTER_STORING &&
        !dead_letter_parse_add(delivery->letter, ret_id, &ignored))
        return false;
    for (size_t i = 0; i < delivery->names.student_count; i++) {
        if (!erasure_parse_tombstone(delivery->tombstones[i], &erased, &ignored))
            return false;
        *ret_erased = *ret_erased || erased;
    }
    return true;
}

/* Moves a dead letter to its next stage. Whether its students are erased is read twice: before the
 * letter is stored, and together with the command that stores it. If a student was erased in
 * between, the letter is removed, because the erasure may have searched the dead letters too early
 * to find it. If Redis fails, the outcome is RETRY, so that the event is not lost. */
static void letter_advance(struct exchange *x, struct delivery *delivery)
{
    struct str id = STR("");
    bool erased;

    if (delivery->stage != LETTER_CHECKING && delivery->stage != LETTER_STORING) {
        delivery->stage = LETTER_NONE;
        return;
    }
    if (!letter_parse(delivery, &id, &erased)) {
        delivery->outcome = RETRY;
        delivery->stage = LETTER_NONE;
    } else if (delivery->stage == LETTER_CHECKING) {
        delivery->stage = erased ? LETTER_NONE : LETTER_ALLOWED;
    } else if (erased) {
        (void)dead_letter_cmd_remove(&x->pipeline, &id, /* count */ 1);
        delivery->stage = LETTER_REMOVING;
    } else {
        delivery->stage = LETTER_NONE;
    }
}

/* Sets the outcomes of the events that were to be recorded. An event of a student who is erased or
 * has withdrawn consent (problem 403) is dropped without a dead letter. Because the response is 200
 * nevertheless, these students are passed to the audit log here. */
static void events_set_outcomes(struct exchange *x, struct events *events)
{
    x->audit_denied.v = arena_array(x->arena, events->n, sizeof(*x->audit_denied.v));
    for (size_t i = 0; i < events->n; i++) {
        const struct event_batch_item *item = events->v[i].item;

        if (!item)
            continue;
        if (item->problem.code == PROBLEM_FORBIDDEN && x->audit_denied.v)
            x->audit_denied.v[x->audit_denied.n++] = item->input.student;
        if (item->problem.code == PROBLEM_FORBIDDEN)
            events->v[i].outcome = DROP;
        else
            events->v[i].outcome = item->problem.code == PROBLEM_NONE ? SUCCESS : RETRY;
    }
}

/* Writes the response: a status for each entry of a BULK, otherwise one status for all events, the
 * lowest outcome in the order of enum outcome. A request without events is a success. */
static void events_respond(struct exchange *x, const struct events *events)
{
    enum outcome lowest = events->n > 0 ? DROP : SUCCESS;
    struct jw w;

    for (size_t i = 0; i < events->n; i++) {
        if (events->v[i].outcome < lowest)
            lowest = events->v[i].outcome;
    }
    /* 404 makes Dapr drop the whole BULK; with any other status Dapr would deliver it again,
     * because its entries have no status */
    http_response_json(&x->response, events->unreadable_bulk ? 404 : 200, &w);
    if (events->form == BULK) {
        jw_array(&w, "statuses");
        for (size_t i = 0; i < events->n; i++) {
            jw_object(&w, NULL);
            jw_str(&w, "entryId", events->v[i].entry);
            jw_text(&w, "status", outcome_names[events->v[i].outcome]);
            jw_object_end(&w);
        }
        jw_array_end(&w);
    } else {
        jw_text(&w, "status", outcome_names[lowest]);
    }
    jw_object_end(&w);
}

/* Parses the request. Returns NULL with x->problem set if the request as a whole fails. */
static struct events *events_begin(struct exchange *x)
{
    struct events *events = exchange_new_state(x, sizeof(*events));

    if (!events)
        return NULL;
    event_request_begin(x, &events->batch);
    events_parse(x, events);
    return x->problem.code == PROBLEM_NONE ? events : NULL;
}

/* Handler of /dapr/events. The first call parses all events. Each call continues to record the good
 * events, and to store the bad ones as dead letters, except those of erased students. Responds when
 * both are done. event_batch_step clears the pipeline, so the commands of the letters are queued
 * after it. */
static enum step dapr_events(struct exchange *x)
{
    struct events *events = x->state;
    bool is_first = !events;
    enum step batch_step;

    if (is_first)
        events = events_begin(x);
    if (!events)
        return STEP_DONE;
    batch_step = event_batch_step(&events->batch, x->engine, &x->pipeline);
    for (size_t i = 0; i < events->n; i++) {
        if (!is_first)
            letter_advance(x, &events->v[i]);
        letter_queue(x, &events->v[i]);
    }
    if (batch_step == STEP_MORE || x->pipeline.count > 0)
        return STEP_MORE;
    events_set_outcomes(x, events);
    events_respond(x, events);
    return STEP_DONE;
}

/* ---- tables ---- */

/* clang-format off */
static const struct rule subscriptions[] = RULES(
    FIELD(TEXT, "pubsubname", "The pub/sub component"),
    FIELD(TEXT, "topic", "The topic of learning events"),
    FIELD(TEXT, "route", "Where its events are to be sent"),
    OPTIONAL(TEXT, "deadLetterTopic", "Topic for dropped events, when configured"),
    OPTIONAL(OBJECT, "bulkSubscribe", "How many events one call may hold, when configured"));

static const struct rule no_fields[] = {{0}};

/* Fields only for the OpenAPI document: no rule fills them, because the handler parses the body
 * itself. */
static const struct rule envelope[] = RULES(
    FIELD(TEXT, "specversion", "1.0", .example = "1.0"),
    FIELD(TEXT, "id", "The event's id, unless data has an event_id", .example = "example-1"),
    FIELD(TEXT, "source", "Where the event comes from", .example = "/example"),
    FIELD(TEXT, "type",
          "An event_type of ingest, or com.dapr.event.sent around the body of ingest",
          .example = "milestone.reached"),
    CLOUDEVENT_OPTIONAL_FIELDS);

static const char *const statuses[] = {"SUCCESS", "RETRY", "DROP", NULL};

static const struct rule entry_status[] = RULES(
    FIELD(TEXT, "entryId", "The entry of a bulk"),
    FIELD(ENUM, "status", "What became of it", .choices = statuses));

static const struct rule events_response[] = RULES(
    OPTIONAL(ENUM, "status", "SUCCESS counted, now or before; RETRY the store is away; DROP never "
          "to be counted: kept as a dead letter, or forgotten when the student is erased or wants "
          "no new data", .choices = statuses),
    OPTIONAL(OBJECTS, "statuses", "For a bulk: one for each entry", .fields = entry_status));

static const struct route routes[] = {
    {.name = "dapr-subscribe", .method = GET, .pattern = "/dapr/subscribe", .access = ACCESS_OPEN,
     .flags = ROUTE_SIDECAR_ONLY | ROUTE_UNLIMITED | ROUTE_LIST_RESPONSE, .handler = dapr_subscribe,
     .status = 200, .response = subscriptions,
     .summary = "The topics that the engine wants from Dapr"},
    {.name = "dapr-config", .method = GET, .pattern = "/dapr/config", .access = ACCESS_OPEN,
     .flags = ROUTE_SIDECAR_ONLY | ROUTE_UNLIMITED, .handler = dapr_config, .status = 200,
     .response = no_fields, .summary = "Dapr's configuration of this app: empty"},
    {.name = "dapr-events", .method = POST, .pattern = EVENTS_PATH, .access = ACCESS_HANDLER,
     .flags = ROUTE_SIDECAR_ONLY | ROUTE_UNLIMITED | ROUTE_DELIVERY | ROUTE_RAW_BODY |
              ROUTE_JOURNALED | ROUTE_PERSONAL, .rules = envelope, .handler = dapr_events,
     .status = 200, .response = events_response, .body_types = cloudevent_media_types,
     .summary = "Receives learning events from Dapr, as CloudEvents"},
};
/* clang-format on */

const struct route_table dapr_routes = {"dapr", routes, sizeof(routes) / sizeof(routes[0]),
                                        "What Dapr's sidecar calls, on its own listener"};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/batch/mastery: the mastery of many students, computed in the background. The routes here
 * create, show and cancel batches; the worker process computes them (worker/job_batch.c). A batch
 * names each student once, either by id alone (the worker recomputes the score from what is
 * stored) or with the components that the caller states. */
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/base/digest.h"
#include "app/pipeline/exchange.h"
#include "app/pipeline/idempotency.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/batch_json.h"
#include "app/service/callback.h"
#include "app/store/batch.h"

#define BATCH_PATH "/api/v1/batch/mastery"

/* ---- submit ---- */

/* One student of a batch, with the components that the caller states. */
struct request {
    struct str student;
    double components[COMPONENTS];
    bool own_weights; /* false: the weights of the model are used */
    double weights[COMPONENTS];
};

/* Input of batch-submit: either students (ids) or requests (array of struct request), by
 * has_students and has_requests. */
struct submit {
    int priority; /* priority of the batch, an index in batch_priority_names */
    struct str_list students;
    struct rule_objects requests;
    bool has_students, has_requests, has_callback;
    struct str callback_url;
};

struct submit_state {
    struct str id;
    struct command *create; /* creates the batch; NULL until the Idempotency-Key is acquired */
    /* reads the batch, which an earlier request with the same Idempotency-Key may have created */
    struct command *created;
    /* true: the batch was created, and the last round trip removes it from the list of unfinished
     * ones */
    bool is_created;
    struct batch batch; /* the batch as it is stored, shown in the response */
};

/* Adds a field error about a field of the i-th request of the list. */
static void submit_fail_request(struct exchange *x, size_t i, const char *field,
                                const char *message)
{
    struct str path = arena_printf(x->arena, "requests[%zu].%s", i, field);

    problem_field(&x->problem, x->arena, path.p ? path : STR("requests"), "%s", message);
}

/* Adds a field error for each request whose own weights do not sum to 1. */
static void submit_check_weights(struct exchange *x, const struct request *requests, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (requests[i].own_weights && !mastery_weights_valid(requests[i].weights))
            submit_fail_request(x, i, "weights", "must sum to 1 (within 0.001)");
    }
}

/* Order for qsort of pointers into one array: by student, then by position, so that of two equal
 * students the later one gets the error. */
static int request_compare(const void *left, const void *right)
{
    const struct request *a = *(const struct request *const *)left;
    const struct request *b = *(const struct request *const *)right;
    int order = str_compare(a->student, b->student);

    return order != 0 ? order : (a > b) - (a < b);
}

/* Adds a field error for each student who is in the list a second time, because the two results
 * would overwrite each other. Finds them by sorting pointers, because a batch may name a thousand
 * students. */
static void submit_check_repeated(struct exchange *x, const struct request *requests, size_t n)
{
    const struct request **sorted = arena_array(x->arena, n, sizeof(struct request *));

    if (!sorted) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    for (size_t i = 0; i < n; i++)
        sorted[i] = &requests[i];
    qsort(sorted, n, sizeof(struct request *), request_compare);
    for (size_t i = 1; i < n; i++) {
        if (sorted[i]->student.n > 0 && str_equal(sorted[i]->student, sorted[i - 1]->student))
            submit_fail_request(x, (size_t)(sorted[i] - requests), "student_id",
                                "must not be in the list twice");
    }
}

/* Checks what rules cannot express: sums of weights, students named twice, and the callback URL.
 * The worker checks the URL again before it calls it, because the host name may have another
 * address by then. Returns false if a field has an error. */
static bool submit_check(struct exchange *x)
{
    const struct submit *input = x->input;
    const char *refusal =
        input->has_callback ? callback_refusal(&x->engine->config, input->callback_url) : NULL;

    submit_check_weights(x, input->requests.v, input->requests.n);
    if (input->requests.n > 1)
        submit_check_repeated(x, input->requests.v, input->requests.n);
    if (refusal)
        problem_field(&x->problem, x->arena, STR("callback_url"), "%s", refusal);
    return x->problem.code == PROBLEM_NONE;
}

/* Makes the id of the batch: 128 random bits as hex. With an Idempotency-Key the bits are instead a
 * digest of the marker, a random text that the first request with the key has stored and that each
 * repetition reads. So a repetition, sent because the first response was lost, finds the batch of
 * the first request. The p of the id is NULL when out of memory. */
static struct str submit_make_id(struct exchange *x)
{
    enum { BYTES = (BATCH_ID_SIZE - 1) / 2 };
    struct str marker = idempotency_marker(x);
    unsigned char bytes[DIGEST_SIZE];
    char hex[BATCH_ID_SIZE];

    random_bytes(bytes, BYTES); /* a random id, unless an Idempotency-Key gives it */
    if (marker.n > 0)
        digest_sha256(marker, bytes);
    hex_print(bytes, BYTES, hex);
    return arena_copy(x->arena, str_of(hex));
}

/* Returns the items of the batch, one for each student, and sets *ret_n to their number. Returns
 * NULL when out of memory. */
static struct batch_item *submit_make_items(struct exchange *x, const struct submit *input,
                                            size_t *ret_n)
{
    const struct request *requests = input->requests.v;
    size_t n = input->has_requests ? input->requests.n : input->students.n;
    struct batch_item *items = arena_array(x->arena, n, sizeof(*items));

    *ret_n = n;
    for (size_t i = 0; items && i < n; i++) {
        items[i].stated = input->has_requests;
        items[i].student = input->has_requests ? requests[i].student : input->students.v[i];
        if (!input->has_requests)
            continue;
        items[i].own_weights = requests[i].own_weights;
        memcpy(items[i].components, requests[i].components, sizeof(items[i].components));
        memcpy(items[i].weights, requests[i].weights, sizeof(items[i].weights));
    }
    return items;
}

/* Queues the creation of the batch, and then its read. A repeated request with an Idempotency-Key
 * has the id of the first one (submit_make_id). If the first one has created the batch, the script
 * in Redis does not change it, and the response shows its stored fields. */
static enum step submit_create(struct exchange *x, const struct submit *input,
                               struct submit_state *state)
{
    struct batch batch = {.priority = (enum queue_priority)input->priority,
                          .created_ms = x->now_ms,
                          .actor = x->caller.user,
                          .correlation_id = x->request_id,
                          .traceparent = exchange_traceparent(x),
                          .callback_url = input->callback_url};
    struct batch_item *items;
    size_t n;

    state->id = submit_make_id(x);
    items = submit_make_items(x, input, &n);
    if (!items)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    pipeline_clear(&x->pipeline);
    state->create = batch_cmd_create(&x->pipeline, state->id, &batch, items, n);
    state->created = batch_cmd_get(&x->pipeline, state->id);
    return STEP_MORE;
}

/* Evaluates the creation, and queues the removal of the batch from the list of unfinished changes
 * (store/unfinished.h). Every command must have succeeded, including those that queue the batch's
 * jobs; otherwise the batch stays in that list, and the worker queues the jobs. */
static enum step submit_set_finished(struct exchange *x, struct submit_state *state)
{
    bool is_new;

    if (!pipeline_check_replies(&x->pipeline, &x->problem) ||
        !batch_parse_create(state->create, &is_new, &x->problem) ||
        !batch_parse(state->created, &state->batch, &x->problem))
        return STEP_DONE;
    if (is_new) {
        metrics_add(x->engine->metrics, METRIC_BATCH, "pending", NULL, 1);
        /* shown as it was created, although the worker may have changed it already */
        state->batch.status = BATCH_PENDING;
        state->batch.processed = 0;
    }
    state->is_created = true;
    pipeline_clear(&x->pipeline);
    batch_cmd_created(&x->pipeline, state->id);
    return STEP_MORE;
}

/* Handler of batch-submit. Its round trips: (1) acquire the Idempotency-Key, if any, whose marker
 * gives the batch its id; the dispatcher has queued this, so the first call only makes the state;
 * (2) create the batch and queue its jobs; (3) remove it from the list of unfinished changes. Then
 * it responds with 202 and the batch's Location, even if (3) has failed: the worker then finishes
 * the change. */
static enum step batch_submit(struct exchange *x)
{
    struct submit_state *state = x->state;
    struct jw w;

    if (!state)
        return exchange_new_state(x, sizeof(*state)) ? STEP_MORE : STEP_DONE;
    if (!state->create)
        return submit_create(x, x->input, state);
    if (!state->is_created)
        return submit_set_finished(x, state);
    exchange_json_begin(x, 202, &w);
    jw_str(&w, "batch_id", state->id);
    jw_text(&w, "status", batch_status_names[state->batch.status]);
    jw_int(&w, "student_count", state->batch.total);
    jw_int(&w, "processed_count", state->batch.processed);
    jw_text(&w, "priority", batch_priority_names[state->batch.priority]);
    jw_time(&w, "created_at", state->batch.created_ms);
    exchange_json_end(x, &w);
    (void)http_response_header(&x->response, "Location",
                               arena_printf(x->arena, BATCH_PATH "/%.*s", STR_ARG(state->id)));
    return STEP_DONE;
}

/* ---- status and cancel ---- */

/* Input of batch-status and batch-cancel: the id of the batch. */
struct batch_input {
    struct str batch;
};

/* Writes the status of a batch, the response of batch-status and batch-cancel. */
static void batch_respond(struct exchange *x, int status, struct str id, const struct batch *batch)
{
    struct jw w;

    exchange_json_begin(x, status, &w);
    batch_write_status(&w, id, batch, x->now_ms);
    exchange_json_end(x, &w);
}

/* Reads the reply with a batch. Returns false with x->problem set, to 404 if there is no such
 * batch. */
static bool batch_parse_existing(struct exchange *x, const struct command *command,
                                 struct batch *ret)
{
    if (batch_parse(command, ret, &x->problem) && !ret->exists)
        problem_set(&x->problem, PROBLEM_NOT_FOUND, "There is no such batch");
    return x->problem.code == PROBLEM_NONE;
}

/* Handler of batch-status: one round trip, then the response. */
static enum step batch_status(struct exchange *x)
{
    const struct batch_input *input = x->input;
    struct batch batch;

    if (!x->state) {
        x->state = batch_cmd_get(&x->pipeline, input->batch);
        return STEP_MORE;
    }
    if (batch_parse_existing(x, x->state, &batch))
        batch_respond(x, 200, input->batch, &batch);
    return STEP_DONE;
}

/* The two commands of the one round trip of batch-cancel. */
struct cancel_state {
    struct command *cancel, *batch;
};

/* Handler of batch-cancel. The batch is cancelled and then read in one round trip, so that the
 * response shows its status after the cancellation. */
static enum step batch_cancel(struct exchange *x)
{
    const struct batch_input *input = x->input;
    struct cancel_state *state = x->state;
    struct batch batch;
    bool cancelled;

    if (!state) {
        state = exchange_new_state(x, sizeof(*state));
        if (!state)
            return STEP_DONE;
        state->cancel = batch_cmd_cancel(&x->pipeline, input->batch, x->now_ms);
        state->batch = batch_cmd_get(&x->pipeline, input->batch);
        return STEP_MORE;
    }
    if (!batch_parse_cancel(state->cancel, &cancelled, &x->problem) ||
        !batch_parse_existing(x, state->batch, &batch))
        return STEP_DONE;
    if (cancelled) {
        metrics_add(x->engine->metrics, METRIC_BATCH, "cancelled", NULL, 1);
        batch_respond(x, 202, input->batch, &batch);
    } else {
        problem_set(&x->problem, PROBLEM_CONFLICT,
                    "The batch has ended and cannot be cancelled: it is %s",
                    batch_status_names[batch.status]);
    }
    return STEP_DONE;
}

/* ---- results ---- */

/* Input of batch-results: the batch and the page of its results. */
struct batch_page {
    struct str batch;
    int64_t offset, limit; /* results to skip, and most results on the page */
};

/* Writes one result. A success is stored as JSON and copied unchanged; a failure is an error text.
 */
static void result_write(struct jw *w, const struct batch_result *result)
{
    jw_object(w, NULL);
    jw_str(w, "student_id", result->student);
    jw_bool(w, "success", result->success);
    if (result->success)
        jw_raw(w, "mastery_result", result->text);
    else
        jw_str(w, "error_message", result->text);
    jw_object_end(w);
}

/* Writes one page of results. total is the number of results so far, which is less than the number
 * of students until the batch has ended. */
static void results_respond(struct exchange *x, const struct batch_page *input, int64_t total,
                            const struct batch_result *results, size_t n)
{
    struct jw w;

    exchange_json_begin(x, 200, &w);
    jw_str(&w, "batch_id", input->batch);
    jw_array(&w, "results");
    for (size_t i = 0; i < n; i++)
        result_write(&w, &results[i]);
    jw_array_end(&w);
    jw_int(&w, "total", total);
    jw_int(&w, "offset", input->offset);
    jw_int(&w, "limit", input->limit);
    exchange_json_end(x, &w);
}

/* Handler of batch-results: reads one page of the results so far, in the order of the request, in
 * one round trip. */
static enum step batch_results(struct exchange *x)
{
    const struct batch_page *input = x->input;
    struct batch_result *found;
    int64_t total;
    bool exists;
    size_t n;

    if (!x->state) {
        x->state = batch_cmd_results(&x->pipeline, input->batch, input->offset, input->limit);
        return STEP_MORE;
    }
    found = arena_array(x->arena, (size_t)input->limit, sizeof(*found));
    if (!found)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    if (!batch_parse_results(x->state, (size_t)input->limit, &exists, &total, found, &n,
                             &x->problem))
        return STEP_DONE;
    if (!exists)
        return exchange_fail_with(x, PROBLEM_NOT_FOUND, "There is no such batch");
    results_respond(x, input, total, found, n);
    return STEP_DONE;
}

/* ---- tables ---- */

/* clang-format off */
/* One student of a batch. The weights of the model apply if none are given. */
static const struct rule request_rules[] = RULES(
    BODY_STUDENT(request),
    BODY(OBJECT, "components", request, components, "As for mastery/calculate", .required = true,
          SHAPE_OF_COMPONENTS_INPUT),
    BODY(OBJECT, "weights", request, weights, "As for mastery/calculate", .nullable = true,
          SHAPE_OF_COMPONENTS_INPUT, .present = offsetof(struct request, own_weights)));

const struct rule batch_submit_rules[] = RULES(
    BODY(IDS, "student_ids", submit, students,
          "Students whose result is recomputed from what is stored; this or requests",
          .subject = SUBJECT_STUDENT, .nullable = true, .min = 1, .max = BATCH_STUDENTS_MAX,
          .present = offsetof(struct submit, has_students), .option = {1, 1, false},
          .example = "[\"student-1\",\"student-2\"]"),
    BODY(OBJECTS, "requests", submit, requests,
          "Students whose components are stated, each once; this or student_ids", .nullable = true,
          .min = 1, .max = BATCH_STUDENTS_MAX, .fields = request_rules, .schema = "BatchItem",
          .item_size = sizeof(struct request), .present = offsetof(struct submit, has_requests),
          .option = {1, 2, false}),
    BODY(ENUM, "priority", submit, priority, "Batches of higher priority are processed more often",
          .default_value = QUEUE_NORMAL, .choices = batch_priority_names),
    BODY(TEXT, "callback_url", submit, callback_url,
          "URL to which the status is posted when the batch has ended", .nullable = true, .min = 1,
          .max = 2048, .present = offsetof(struct submit, has_callback)));

/* Row for the id of a batch in the path. The example names no batch: a tool that tries the routes
 * of the OpenAPI document takes the id from the response of batch-submit instead, as batch_links
 * says. tag: the input struct, which must have a member `struct str batch`. */
#define PATH_BATCH(tag)                                                                            \
    PATH_ID("batch_id", tag, batch, SUBJECT_GROUP, "The batch, as its submission named it",        \
            .example = "00000000000000000000000000000000")

static const struct rule get_rules[] = RULES(PATH_BATCH(batch_input));

static const struct rule page_rules[] = RULES(
    PATH_BATCH(batch_page),
    QUERY(INT, "offset", batch_page, offset, "How many to skip", .max = BATCH_STUDENTS_MAX),
    QUERY(INT, "limit", batch_page, limit, "How many to show", .min = 1, .max = BATCH_STUDENTS_MAX,
          .default_value = 100));

#define BATCH_FIELD FIELD(ID, "batch_id", "The batch")
#define STATUS_FIELD                                                                               \
    FIELD(ENUM, "status", "failed: no student has a result, or it was given up",                   \
          .choices = batch_status_names)
#define PRIORITY_FIELD FIELD(ENUM, "priority", "As requested", .choices = batch_priority_names)
#define CREATED_FIELD  FIELD(TIME, "created_at", "When it was submitted; it is kept for 7 days")

static const struct rule submit_response[] = RULES(
    SHAPE_SUCCESS, BATCH_FIELD, STATUS_FIELD,
    FIELD(INT, "student_count", "Students in the batch"),
    FIELD(INT, "processed_count", "Students that have a result"),
    PRIORITY_FIELD, CREATED_FIELD, SHAPE_CORRELATION);

/* Response that service/batch_json.c writes, also into the body of a callback. */
static const struct rule status_response[] = RULES(
    SHAPE_SUCCESS, BATCH_FIELD, STATUS_FIELD,
    FIELD(NUMBER, "progress_percentage", "Share of the students that have a result", .max = 100),
    FIELD(INT, "total_students", "Students in the batch"),
    FIELD(INT, "processed_students", "Students that have a result"),
    FIELD(INT, "failed_count", "Results that are errors"),
    FIELD(INT, "estimated_time_remaining",
          "Seconds, at the speed so far; null until the first result, 0 when it has ended",
          .nullable = true),
    PRIORITY_FIELD, CREATED_FIELD,
    FIELD(TIME, "started_at", "When a worker began; null before", .nullable = true),
    FIELD(TIME, "completed_at", "When it ended, whatever its status; null before",
          .nullable = true), SHAPE_CORRELATION);

/* The fields of one result: either mastery_result or error_message. */
static const struct rule result_fields[] = RULES(
    SHAPE_STUDENT,
    FIELD(BOOL, "success", "Whether there is a result"),
    OPTIONAL(OBJECT, "mastery_result", "The result, as stored", SHAPE_OF_MASTERY_RESULT),
    OPTIONAL(TEXT, "error_message", "Why there is none"));

static const struct rule results_response[] = RULES(
    SHAPE_SUCCESS, BATCH_FIELD,
    FIELD(OBJECTS, "results", "The results so far, in the order of the request",
          .fields = result_fields),
    FIELD(INT, "total", "How many results there are so far"),
    FIELD(INT, "offset", "As requested"),
    FIELD(INT, "limit", "As requested"), SHAPE_CORRELATION);

static const struct route_link batch_links[] = {
    {"status", "batch-status", "batch_id", "/batch_id"},
    {"results", "batch-results", "batch_id", "/batch_id"},
    {"cancel", "batch-cancel", "batch_id", "/batch_id"},
    {0},
};

static const struct route routes[] = {
    {.name = "batch-submit", .method = POST, .pattern = BATCH_PATH,
     .aliases = {"/api/v1/analytics/batch/mastery"}, .limit_per_minute = 10, .access = ACCESS_ADMIN,
     .flags = ROUTE_PERSONAL | ROUTE_BIG_BODY | ROUTE_HEAVY | ROUTE_IDEMPOTENT |
              ROUTE_SUBMITS_BATCH, .rules = batch_submit_rules, .input_size = sizeof(struct submit),
     .check = submit_check, .handler = batch_submit, .status = 202, .response = submit_response,
     .links = batch_links,
     .summary = "Computes the mastery of up to 1000 students in the background"},
    {.name = "batch-status", .method = GET, .pattern = BATCH_PATH "/{batch_id}",
     .aliases = {"/api/v1/batch/status/{batch_id}", "/api/v1/analytics/batch/mastery/{batch_id}"},
     .limit_per_minute = 30, .access = ACCESS_ADMIN, .flags = ROUTE_PERSONAL, .rules = get_rules,
     .input_size = sizeof(struct batch_input), .handler = batch_status, .status = 200,
     .response = status_response, .summary = "The progress of a batch"},
    {.name = "batch-results", .method = GET, .pattern = BATCH_PATH "/{batch_id}/results",
     .limit_per_minute = 30, .access = ACCESS_ADMIN, .flags = ROUTE_PERSONAL | ROUTE_HEAVY,
     .rules = page_rules, .input_size = sizeof(struct batch_page), .handler = batch_results,
     .status = 200, .response = results_response,
     .summary = "The results of a batch, a page at a time"},
    {.name = "batch-cancel", .method = DELETE, .pattern = BATCH_PATH "/{batch_id}",
     .limit_per_minute = 10, .access = ACCESS_ADMIN, .flags = ROUTE_PERSONAL | ROUTE_CONFLICT,
     .rules = get_rules, .input_size = sizeof(struct batch_input), .handler = batch_cancel,
     .status = 202, .response = status_response,
     .summary = "Cancels a batch; results so far are kept"},
};
/* clang-format on */

const struct route_table batch_routes = {"batch", routes, sizeof(routes) / sizeof(routes[0]),
                                         "Work for many students, in the background"};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/batch/mastery: many students at once, done by the worker (worker/job_batch). */
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

struct request {
    struct str student;
    double components[COMPONENTS];
    bool own_weights;
    double weights[COMPONENTS];
};

struct submit {
    int priority;
    struct str_list students;
    struct rule_objects requests;
    bool has_students, has_requests, has_callback;
    struct str callback_url;
};

struct submit_state {
    struct str id;
    struct command *found, *made;
    struct batch batch;
};

/* Names an error of requests[i]. */
static void refuse_request(struct exchange *x, size_t i, const char *field, const char *message)
{
    struct str path = arena_printf(x->arena, "requests[%zu].%s", i, field);

    problem_field(&x->problem, x->arena, path.p ? path : STR("requests"), "%s", message);
}

static void check_weights(struct exchange *x, const struct request *requests, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (requests[i].own_weights && !mastery_weights_valid(requests[i].weights))
            refuse_request(x, i, "weights", "must sum to 1 (within 0.001)");
    }
}

/* By student, then by position, so that of equal ones the first comes first. */
static int by_student(const void *left, const void *right)
{
    const struct request *a = *(const struct request *const *)left;
    const struct request *b = *(const struct request *const *)right;
    int order = str_compare(a->student, b->student);

    return order != 0 ? order : (a > b) - (a < b);
}

static void check_repeated(struct exchange *x, const struct request *requests, size_t n)
{
    const struct request **sorted = arena_array(x->arena, n, sizeof(struct request *));

    if (!sorted) {
        problem_set(&x->problem, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    for (size_t i = 0; i < n; i++)
        sorted[i] = &requests[i];
    qsort(sorted, n, sizeof(struct request *), by_student);
    for (size_t i = 1; i < n; i++) {
        if (sorted[i]->student.n > 0 && str_equal(sorted[i]->student, sorted[i - 1]->student))
            refuse_request(x, (size_t)(sorted[i] - requests), "student_id",
                           "must not be in the list twice");
    }
}

/* Where both or none are given, who sends it is told of both fields. */
static void check_one_list(struct exchange *x, const struct submit *in)
{
    bool students = in->has_students || problem_has_field(&x->problem, STR("student_ids"));
    bool requests = in->has_requests || problem_has_field(&x->problem, STR("requests"));

    if (students != requests)
        return;
    problem_field(&x->problem, x->arena, STR("student_ids"),
                  students ? "must not stand beside requests" : "or requests is required");
}

static bool submit_check(struct exchange *x)
{
    const struct submit *in = x->input;
    const char *refusal =
        in->has_callback ? callback_refusal(&x->engine->config, in->callback_url) : NULL;

    check_one_list(x, in);
    check_weights(x, in->requests.v, in->requests.n);
    if (in->requests.n > 1)
        check_repeated(x, in->requests.v, in->requests.n);
    if (refusal)
        problem_field(&x->problem, x->arena, STR("callback_url"), "%s", refusal);
    return x->problem.code == PROBLEM_NONE;
}

/* 128 random bits. With an Idempotency-Key they follow from it, the body and the day: whoever
 * repeats a request whose answer got lost meets the batch that it has begun. */
static struct str make_id(struct exchange *x)
{
    enum { BYTES = (BATCH_ID_SIZE - 1) / 2 };
    struct str marker = idempotency_marker(x), seed;
    unsigned char bytes[DIGEST_SIZE];
    char hex[BATCH_ID_SIZE];

    random_bytes(bytes, BYTES);
    if (marker.n > 0) {
        seed = arena_printf(x->arena, "%.*s %d %.*s", STR_ARG(marker), day_of_ms(x->now_ms),
                            STR_ARG(x->request.body));
        if (!seed.p)
            return seed;
        digest_sha256(seed, bytes);
    }
    hex_print(bytes, BYTES, hex);
    return arena_copy(x->arena, str_of(hex));
}

static struct batch_item *make_items(struct exchange *x, const struct submit *in, size_t *ret_n)
{
    const struct request *requests = in->requests.v;
    size_t n = in->has_requests ? in->requests.n : in->students.n;
    struct batch_item *items = arena_array(x->arena, n, sizeof(*items));

    *ret_n = n;
    for (size_t i = 0; items && i < n; i++) {
        items[i].stated = in->has_requests;
        items[i].student = in->has_requests ? requests[i].student : in->students.v[i];
        if (!in->has_requests)
            continue;
        items[i].own_weights = requests[i].own_weights;
        memcpy(items[i].components, requests[i].components, sizeof(items[i].components));
        memcpy(items[i].weights, requests[i].weights, sizeof(items[i].weights));
    }
    return items;
}

/* Only reads, so that nothing is begun for a request whose answer is only to be replayed. */
static enum step submit_first(struct exchange *x)
{
    struct submit_state *s = x->state = arena_zalloc(x->arena, sizeof(*s));

    if (!s)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    s->id = make_id(x);
    s->found = batch_cmd_get(&x->pipeline, s->id);
    return STEP_MORE;
}

static enum step submit_second(struct exchange *x, const struct submit *in, struct submit_state *s)
{
    struct batch_item *items;
    size_t n;

    if (!batch_parse(s->found, &s->batch, &x->problem))
        return STEP_DONE;
    items = make_items(x, in, &n);
    if (!items)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    if (!s->batch.exists)
        s->batch = (struct batch){.priority = (enum queue_priority)in->priority,
                                  .total = (int64_t)n,
                                  .created_ms = x->now_ms,
                                  .actor = x->caller.user,
                                  .correlation_id = x->request_id,
                                  .traceparent = exchange_traceparent(x),
                                  .callback_url = in->callback_url};
    pipeline_clear(&x->pipeline);
    s->made = batch_cmd_create(&x->pipeline, s->id, &s->batch, items, n);
    return STEP_MORE;
}

static enum step submit(struct exchange *x)
{
    struct submit_state *s = x->state;
    bool made;
    struct jw w;

    if (!s)
        return submit_first(x);
    if (!s->made)
        return submit_second(x, x->input, s);
    /* the batch, its place in the list, its jobs: without one of them it would never end */
    if (!pipeline_check_replies(&x->pipeline, &x->problem) ||
        !batch_parse_create(s->made, &made, &x->problem))
        return STEP_DONE;
    if (made)
        metrics_add(x->engine->metrics, METRIC_BATCH, BATCH_PENDING, 0, 1);
    http_response_json(&x->response, 202, &w);
    jw_bool(&w, "success", true);
    jw_str(&w, "batch_id", s->id);
    jw_text(&w, "status", batch_status_names[s->batch.status]);
    jw_int(&w, "student_count", s->batch.total);
    jw_int(&w, "processed_count", s->batch.processed);
    jw_text(&w, "priority", batch_priority_names[s->batch.priority]);
    jw_time(&w, "created_at", s->batch.created_ms);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    (void)http_response_header(&x->response, "Location",
                               arena_printf(x->arena, BATCH_PATH "/%.*s", STR_ARG(s->id)));
    return STEP_DONE;
}

/* ---- status and cancel ---- */

struct batch_get {
    struct str batch;
};

static void answer_status(struct exchange *x, int status, struct str id, const struct batch *b)
{
    struct jw w;

    http_response_json(&x->response, status, &w);
    jw_bool(&w, "success", true);
    batch_write_status(&w, id, b, x->now_ms);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
}

static bool read_existing(struct exchange *x, const struct command *command, struct batch *ret)
{
    if (batch_parse(command, ret, &x->problem) && !ret->exists)
        problem_set(&x->problem, PROBLEM_NOT_FOUND, "There is no such batch");
    return x->problem.code == PROBLEM_NONE;
}

static enum step status(struct exchange *x)
{
    const struct batch_get *in = x->input;
    struct batch batch;

    if (!x->state) {
        x->state = batch_cmd_get(&x->pipeline, in->batch);
        return STEP_MORE;
    }
    if (read_existing(x, x->state, &batch))
        answer_status(x, 200, in->batch, &batch);
    return STEP_DONE;
}

struct cancel_state {
    struct command *ended, *then;
};

static enum step cancel(struct exchange *x)
{
    const struct batch_get *in = x->input;
    struct cancel_state *s = x->state;
    struct batch batch;
    bool changed;

    if (!s) {
        x->state = s = arena_zalloc(x->arena, sizeof(*s));
        if (!s)
            return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
        s->ended = batch_cmd_cancel(&x->pipeline, in->batch, x->now_ms);
        s->then = batch_cmd_get(&x->pipeline, in->batch);
        return STEP_MORE;
    }
    if (!batch_parse_cancel(s->ended, &changed, &x->problem) || !read_existing(x, s->then, &batch))
        return STEP_DONE;
    if (changed) {
        metrics_add(x->engine->metrics, METRIC_BATCH, BATCH_CANCELLED, 0, 1);
        answer_status(x, 202, in->batch, &batch);
    } else {
        problem_set(&x->problem, PROBLEM_CONFLICT, "The batch has ended: it is %s",
                    batch_status_names[batch.status]);
    }
    return STEP_DONE;
}

/* ---- results ---- */

struct batch_page {
    struct str batch;
    int64_t offset, limit;
};

static void write_result(struct jw *w, const struct batch_result *result)
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

static void answer_page(struct exchange *x, const struct batch_page *in, int64_t total,
                        const struct batch_result *results, size_t n)
{
    struct jw w;

    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_str(&w, "batch_id", in->batch);
    jw_array(&w, "results");
    for (size_t i = 0; i < n; i++)
        write_result(&w, &results[i]);
    jw_array_end(&w);
    jw_int(&w, "total", total);
    jw_int(&w, "offset", in->offset);
    jw_int(&w, "limit", in->limit);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
}

static enum step results(struct exchange *x)
{
    const struct batch_page *in = x->input;
    struct batch_result *found;
    int64_t total;
    bool exists;
    size_t n;

    if (!x->state) {
        x->state = batch_cmd_results(&x->pipeline, in->batch, in->offset, in->limit);
        return STEP_MORE;
    }
    found = arena_array(x->arena, (size_t)in->limit, sizeof(*found));
    if (!found)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    if (!batch_parse_results(x->state, (size_t)in->limit, &exists, &total, found, &n, &x->problem))
        return STEP_DONE;
    if (exists)
        answer_page(x, in, total, found, n);
    else
        problem_set(&x->problem, PROBLEM_NOT_FOUND, "There is no such batch");
    return STEP_DONE;
}

/* ---- the table ---- */

/* clang-format off */
static const struct rule request_rules[] = {
    {.name = "student_id", .type = RULE_ID, .required = true, .offset = offsetof(struct request, student), .description = "The student"},
    {.name = "components", .type = RULE_OBJECT, .required = true, .fields = shape_components_input, .offset = offsetof(struct request, components), .description = "As for mastery/calculate"},
    {.name = "weights", .type = RULE_OBJECT, .nullable = true, .fields = shape_components_input, .offset = offsetof(struct request, weights), .present = offsetof(struct request, own_weights), .description = "As for mastery/calculate"},
    {0},
};

static const struct rule submit_rules[] = {
    {.name = "student_ids", .type = RULE_IDS, .nullable = true, .min = 1, .max = BATCH_STUDENTS_MAX, .offset = offsetof(struct submit, students), .present = offsetof(struct submit, has_students), .description = "Students whose result is made again from what is stored; this or requests"},
    {.name = "requests", .type = RULE_OBJECTS, .nullable = true, .min = 1, .max = BATCH_STUDENTS_MAX, .fields = request_rules, .item_size = sizeof(struct request), .offset = offsetof(struct submit, requests), .present = offsetof(struct submit, has_requests), .description = "Students whose components are stated, each once; this or student_ids"},
    {.name = "priority", .type = RULE_ENUM, .choices = batch_priority_names, .default_value = QUEUE_NORMAL, .offset = offsetof(struct submit, priority), .description = "Whose turn comes how often"},
    {.name = "callback_url", .type = RULE_TEXT, .nullable = true, .min = 1, .max = 2048, .offset = offsetof(struct submit, callback_url), .present = offsetof(struct submit, has_callback), .description = "Where the status is posted when the batch has ended"},
    {0},
};

static const struct rule get_rules[] = {
    {.name = "batch_id", .type = RULE_ID, .source = IN_PATH, .required = true, .offset = offsetof(struct batch_get, batch), .description = "The batch"},
    {0},
};

static const struct rule page_rules[] = {
    {.name = "batch_id", .type = RULE_ID, .source = IN_PATH, .required = true, .offset = offsetof(struct batch_page, batch), .description = "The batch"},
    {.name = "offset", .type = RULE_INT, .source = IN_QUERY, .max = BATCH_STUDENTS_MAX, .offset = offsetof(struct batch_page, offset), .description = "How many to skip"},
    {.name = "limit", .type = RULE_INT, .source = IN_QUERY, .min = 1, .max = BATCH_STUDENTS_MAX, .default_value = 100, .offset = offsetof(struct batch_page, limit), .description = "How many to show"},
    {0},
};

#define BATCH_FIELD                                                                                \
    {.name = "batch_id", .type = RULE_ID, .required = true, .description = "The batch"}
#define STATUS_FIELD                                                                               \
    {.name = "status", .type = RULE_ENUM, .required = true, .choices = batch_status_names, .description = "failed: of no student, or given up"}
#define PRIORITY_FIELD                                                                             \
    {.name = "priority", .type = RULE_ENUM, .required = true, .choices = batch_priority_names, .description = "As asked for"}
#define CREATED_FIELD                                                                              \
    {.name = "created_at", .type = RULE_TIME, .required = true, .description = "When it was submitted; it is kept for 7 days"}

static const struct rule submit_answer[] = {
    SHAPE_SUCCESS,
    BATCH_FIELD,
    STATUS_FIELD,
    {.name = "student_count", .type = RULE_INT, .required = true, .description = "Students in the batch"},
    {.name = "processed_count", .type = RULE_INT, .required = true, .description = "Students that have a result"},
    PRIORITY_FIELD,
    CREATED_FIELD,
    SHAPE_CORRELATION,
    {0},
};

static const struct rule status_answer[] = {
    SHAPE_SUCCESS,
    BATCH_FIELD,
    STATUS_FIELD,
    {.name = "progress_percentage", .type = RULE_NUMBER, .required = true, .max = 100, .description = "Share of the students that have a result"},
    {.name = "total_students", .type = RULE_INT, .required = true, .description = "Students in the batch"},
    {.name = "processed_students", .type = RULE_INT, .required = true, .description = "Students that have a result"},
    {.name = "failed_count", .type = RULE_INT, .required = true, .description = "Results that are errors"},
    {.name = "estimated_time_remaining", .type = RULE_INT, .required = true, .nullable = true, .description = "Seconds, as it has gone so far; null until the first result, 0 when it has ended"},
    PRIORITY_FIELD,
    CREATED_FIELD,
    {.name = "started_at", .type = RULE_TIME, .required = true, .nullable = true, .description = "When a worker began; null before"},
    {.name = "completed_at", .type = RULE_TIME, .required = true, .nullable = true, .description = "When it ended, in whichever way; null before"},
    SHAPE_CORRELATION,
    {0},
};

static const struct rule result_fields[] = {
    SHAPE_STUDENT,
    {.name = "success", .type = RULE_BOOL, .required = true, .description = "Whether there is a result"},
    {.name = "mastery_result", .type = RULE_OBJECT, .fields = shape_mastery_result, .description = "The result, as stored"},
    {.name = "error_message", .type = RULE_TEXT, .description = "Why there is none"},
    {0},
};

static const struct rule results_answer[] = {
    SHAPE_SUCCESS,
    BATCH_FIELD,
    {.name = "results", .type = RULE_OBJECTS, .required = true, .fields = result_fields, .description = "Those there are so far, in the order of the request"},
    {.name = "total", .type = RULE_INT, .required = true, .description = "How many there are so far"},
    {.name = "offset", .type = RULE_INT, .required = true, .description = "As asked for"},
    {.name = "limit", .type = RULE_INT, .required = true, .description = "As asked for"},
    SHAPE_CORRELATION,
    {0},
};

static const struct route routes[] = {
    {.name = "batch-submit", .method = POST, .pattern = BATCH_PATH, .aliases = {"/api/v1/analytics/batch/mastery"},
     .limit_per_minute = 10, .access = ACCESS_ADMIN, .flags = ROUTE_PERSONAL | ROUTE_BIG_BODY | ROUTE_HEAVY | ROUTE_IDEMPOTENT | ROUTE_SUBMITS_BATCH,
     .rules = submit_rules, .input_size = sizeof(struct submit), .subject_offset = NO_SUBJECT, .check = submit_check, .handler = submit,
     .status = 202, .response = submit_answer, .summary = "Computes the mastery of up to 1000 students in the background"},
    {.name = "batch-status", .method = GET, .pattern = BATCH_PATH "/{batch_id}",
     .aliases = {"/api/v1/batch/status/{batch_id}", "/api/v1/analytics/batch/mastery/{batch_id}"}, .limit_per_minute = 30,
     .access = ACCESS_ADMIN, .flags = ROUTE_PERSONAL, .rules = get_rules, .input_size = sizeof(struct batch_get), .subject_offset = NO_SUBJECT,
     .handler = status, .status = 200, .response = status_answer, .summary = "How far a batch has got"},
    {.name = "batch-results", .method = GET, .pattern = BATCH_PATH "/{batch_id}/results", .limit_per_minute = 30,
     .access = ACCESS_ADMIN, .flags = ROUTE_PERSONAL | ROUTE_HEAVY, .rules = page_rules, .input_size = sizeof(struct batch_page),
     .subject_offset = NO_SUBJECT, .handler = results, .status = 200, .response = results_answer, .summary = "The results of a batch, a page at a time"},
    {.name = "batch-cancel", .method = DELETE, .pattern = BATCH_PATH "/{batch_id}", .limit_per_minute = 10, .access = ACCESS_ADMIN,
     .flags = ROUTE_PERSONAL | ROUTE_CONFLICT, .rules = get_rules, .input_size = sizeof(struct batch_get), .subject_offset = NO_SUBJECT, .handler = cancel,
     .status = 202, .response = status_answer, .summary = "Cancels a batch; what has been done stays"},
};
/* clang-format on */

const struct route_table batch_routes = {"batch", routes, sizeof(routes) / sizeof(routes[0])};

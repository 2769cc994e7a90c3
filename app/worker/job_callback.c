/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The job kind "callback": when a batch has ended, sends its status in a signed POST request to the
 * URL that was given with the batch. The job is repeated until the response is 2xx or the attempts
 * are exhausted, so that the receiver gets the status at least once. The URL is input of a client:
 * it is checked against the configuration again, and the address is checked when the connection is
 * made (hazards W13). A redirect is a failure like every other status that is not 2xx. */
#include "app/worker/job_kinds.h"

#include <stdio.h>

#include "app/base/version.h"
#include "app/obs/trace.h"
#include "app/service/batch_json.h"
#include "app/service/callback.h"

enum {
    CALLBACK_TIMEOUT_MS = 5000,           /* longest duration of the HTTP call */
    CALLBACK_RESPONSE_MAX = 64 << 10,     /* longest accepted response body in bytes */
    CALLBACKS_AT_ONCE = JOBS_AT_ONCE / 4, /* slow receivers must not occupy all places for jobs */
};

/* What the job keeps between two calls of its step function. */
struct callback_job {
    struct batch_body body;
    struct command *get_cmd; /* reads the batch */
    bool called;             /* true: the HTTP call was started, the next step has its response */
};

/* Makes the job fail with a code and a reason. Returns STEP_DONE, which ends a job whether it has
 * failed or not. */
static enum step callback_fail(struct job *job, enum problem_code code, const char *reason)
{
    problem_set(&job->problem, code, "callback: %s", reason);
    return STEP_DONE;
}

/* First step of the callback job: reads the batch, since the entry of the queue contains only its
 * id. */
static enum step callback_start(struct job *job)
{
    struct callback_job *state = job->state = arena_zalloc(job->task->arena, sizeof(*state));

    if (!state)
        return callback_fail(job, PROBLEM_SERVICE_UNAVAILABLE, "no memory");
    if (!job_parse_batch_body(job, &state->body))
        return STEP_DONE;
    state->get_cmd = batch_cmd_get(&job->task->pipeline, state->body.batch);
    return STEP_MORE;
}

/* ---- the call ---- */

/* Returns the body of the callback: the JSON object that GET /api/v1/batch/ID returns. The
 * text's p is NULL when out of memory. */
static struct str callback_status_json(struct arena *arena, struct str id,
                                       const struct batch *batch, int64_t now_ms)
{
    struct buf out;
    struct jw jw = {.out = &out};

    buf_init(&out, arena);
    jw_object(&jw, NULL);
    jw_bool(&jw, "success", true);
    batch_write_status(&jw, id, batch, now_ms);
    jw_str(&jw, "correlation_id", batch->correlation_id);
    jw_object_end(&jw);
    return out.failed ? (struct str){0} : buf_view(&out);
}

/* Sets the headers of the callback. The header X-Signature-256 is the HMAC of the timestamp (Unix
 * time in seconds) and the body, see callback_sign. Returns false when out of memory or without a
 * key. */
static bool callback_set_headers(struct worker_context *worker, struct job *job,
                                 const struct batch *batch, struct str body)
{
    char timestamp[24], signature[DIGEST_HEX_SIZE], traceparent[TRACEPARENT_SIZE];
    struct curl_slist **headers = &job->headers;
    struct trace trace;

    (void)snprintf(timestamp, sizeof(timestamp), "%lld", (long long)worker->now_ms / 1000);
    if (!callback_sign(&worker->engine->config, str_of(timestamp), body, signature))
        return false;
    trace_begin(&trace, batch->traceparent, (struct str){0});
    trace_print(&trace, traceparent);
    return http_add_header(headers, "Content-Type: application/json") &&
           http_add_header(headers, "User-Agent: " SERVICE_NAME) &&
           http_add_header(headers, "X-Timestamp: %s", timestamp) &&
           http_add_header(headers, "X-Signature-256: sha256=%s", signature) &&
           http_add_header(headers, "traceparent: %s", traceparent) &&
           http_add_header(headers, "Expect:"); /* no wait for "100 Continue" */
}

/* Starts the HTTP call. Returns STEP_MORE: the next step has the response. The URL is copied
 * because libcurl needs it NUL-terminated. */
static enum step callback_call(struct worker_context *worker, struct job *job,
                               const struct batch *batch)
{
    const struct config *config = &worker->engine->config;
    struct arena *arena = job->task->arena;
    struct callback_job *state = job->state;
    struct str body = callback_status_json(arena, state->body.batch, batch, worker->now_ms);
    struct str url = arena_copy(arena, batch->callback_url);

    if (!body.p || !url.p || !callback_set_headers(worker, job, batch, body))
        return callback_fail(job, PROBLEM_SERVICE_UNAVAILABLE, "no memory");
    job->call = (struct http_call){
        .url = url.p,
        .body = body,
        .timeout_ms = CALLBACK_TIMEOUT_MS,
        .protocols = config->callback_allow_http ? "http,https" : "https",
        .ca_file = *config->callback_ca_file ? config->callback_ca_file : NULL,
        .response_max = CALLBACK_RESPONSE_MAX,
        .public_only = !config->callback_allow_private,
    };
    state->called = job_call(job);
    return state->called ? STEP_MORE : callback_fail(job, PROBLEM_SERVICE_UNAVAILABLE, "no memory");
}

/* Called when the batch was read. Starts the HTTP call, if the batch still exists and the
 * configuration still permits its callback URL. If too many callbacks are running, the job is tried
 * again later without counting as a failed attempt (no_capacity). */
static enum step callback_on_batch(struct worker_context *worker, struct job *job)
{
    struct callback_job *state = job->state;
    const char *refusal;
    struct batch batch;

    if (!batch_parse(state->get_cmd, &batch, &job->problem))
        return STEP_DONE;
    if (!batch.exists || !batch_ended(batch.status) || batch.callback_url.n == 0)
        return STEP_DONE;
    refusal = callback_refusal(&worker->engine->config, batch.callback_url);
    if (refusal)
        return callback_fail(job, PROBLEM_FORBIDDEN, refusal);
    if (jobs_active_calls(job->jobs) < CALLBACKS_AT_ONCE)
        return callback_call(worker, job, &batch);
    job->no_capacity = true;
    return callback_fail(job, PROBLEM_SERVICE_UNAVAILABLE, "too many other callbacks are running");
}

/* ---- the response ---- */

/* Called when the HTTP call is over: the job succeeds if the status is 2xx. A body longer than
 * CALLBACK_RESPONSE_MAX was cut off; libcurl reports that as a failure, but the status was received
 * and decides. */
static enum step callback_on_response(struct job *job)
{
    const struct http_call *call = &job->call;
    bool has_status = call->result == CURLE_OK || call->response_bytes > CALLBACK_RESPONSE_MAX;

    if (has_status && call->status / 100 == 2)
        return STEP_DONE;
    if (has_status)
        problem_set(&job->problem, PROBLEM_SERVICE_UNAVAILABLE, "callback: answered with %ld",
                    call->status);
    else if (call->address_refused)
        (void)callback_fail(job, PROBLEM_FORBIDDEN, "its address is not public");
    else
        (void)callback_fail(job, PROBLEM_SERVICE_UNAVAILABLE, curl_easy_strerror(call->result));
    return STEP_DONE;
}

/* The step function of the job kind "callback": read the batch, start the HTTP call, process the
 * response. */
enum step job_callback(struct worker_context *worker, struct job *job)
{
    const struct callback_job *state = job->state;

    if (!state)
        return callback_start(job);
    return state->called ? callback_on_response(job) : callback_on_batch(worker, job);
}

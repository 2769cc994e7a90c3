/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tells whoever has asked for it that a batch has ended: the status, signed, posted to the URL that
 * came with the batch. At least once, until it is answered by 2xx or given up. Where it goes is
 * somebody else's word: it is held against the configuration again, and the address against what is
 * public when the connection is made (hazards W13). Redirects are answers like any other: not 2xx.
 */
#include <stdio.h>

#include "app/base/version.h"
#include "app/obs/trace.h"
#include "app/service/batch_json.h"
#include "app/service/callback.h"
#include "app/worker/worker.h"

enum {
    CALLBACK_TIMEOUT_MS = 5000,
    CALLBACK_ANSWER_MOST = 64 << 10,
    CALLBACKS_AT_ONCE = JOBS_AT_ONCE / 4, /* whoever is slow to answer must not hold up all else */
    HEADER_SIZE = 160,
};

struct callback {
    struct batch_body body;
    struct command *asked;
    bool called;
};

static enum step fail(struct job *job, enum problem_code code, const char *why)
{
    problem_set(&job->problem, code, "callback: %s", why);
    return STEP_DONE;
}

static enum step begin(struct job *job)
{
    struct callback *c = job->state = arena_zalloc(job->task->arena, sizeof(*c));

    if (!c)
        return fail(job, PROBLEM_SERVICE_UNAVAILABLE, "no memory");
    if (!job_parse_batch_body(job, &c->body))
        return STEP_DONE;
    c->asked = batch_cmd_get(&job->task->pipeline, c->body.batch);
    return STEP_MORE;
}

/* ---- the call ---- */

static struct str status_json(struct arena *arena, struct str id, const struct batch *b,
                              int64_t now_ms)
{
    struct buf out;
    struct jw w = {.out = &out};

    buf_init(&out, arena);
    jw_object(&w, NULL);
    jw_bool(&w, "success", true);
    batch_write_status(&w, id, b, now_ms);
    jw_str(&w, "correlation_id", b->correlation_id);
    jw_object_end(&w);
    return out.failed ? (struct str){0} : buf_view(&out);
}

static bool add_header(struct job *job, const char *name, const char *value)
{
    char header[HEADER_SIZE];
    struct curl_slist *more;

    (void)snprintf(header, sizeof(header), "%s: %s", name, value);
    more = curl_slist_append(job->headers, header);
    if (more)
        job->headers = more;
    return more != NULL;
}

static bool set_headers(struct worker *w, struct job *job, const struct batch *b, struct str body)
{
    char timestamp[24], hex[DIGEST_HEX_SIZE], signature[sizeof("sha256=") + DIGEST_HEX_SIZE];
    char traceparent[TRACEPARENT_SIZE];
    struct trace trace;

    (void)snprintf(timestamp, sizeof(timestamp), "%lld", (long long)w->now_ms / 1000);
    if (!callback_sign(&w->engine->config, str_of(timestamp), body, hex))
        return false;
    (void)snprintf(signature, sizeof(signature), "sha256=%s", hex);
    trace_begin(&trace, b->traceparent, (struct str){0});
    trace_print(&trace, traceparent);
    return add_header(job, "Content-Type", "application/json") &&
           add_header(job, "User-Agent", SERVICE_NAME) &&
           add_header(job, "X-Timestamp", timestamp) &&
           add_header(job, "X-Signature-256", signature) &&
           add_header(job, "traceparent", traceparent) && add_header(job, "Expect", "");
}

static enum step call(struct worker *w, struct job *job, const struct batch *b)
{
    const struct config *config = &w->engine->config;
    struct callback *c = job->state;
    struct str body = status_json(job->task->arena, c->body.batch, b, w->now_ms);
    struct str url = arena_copy(job->task->arena, b->callback_url);

    if (!body.p || !url.p || !set_headers(w, job, b, body))
        return fail(job, PROBLEM_SERVICE_UNAVAILABLE, "no memory");
    job->call = (struct http_call){
        .url = url.p,
        .body = body,
        .timeout_ms = CALLBACK_TIMEOUT_MS,
        .protocols = config->callback_allow_http ? "http,https" : "https",
        .ca_file = *config->callback_ca_file ? config->callback_ca_file : NULL,
        .response_max = CALLBACK_ANSWER_MOST,
        .public_only = !config->callback_allow_private,
    };
    c->called = job_call(w, job);
    return c->called ? STEP_MORE : fail(job, PROBLEM_SERVICE_UNAVAILABLE, "no memory");
}

/* Comes again a little later, which does not count as a try. */
static enum step make_way(struct job *job)
{
    job->no_capacity = true;
    return fail(job, PROBLEM_SERVICE_UNAVAILABLE, "others are being told");
}

static enum step begin_call(struct worker *w, struct job *job)
{
    struct callback *c = job->state;
    const char *refusal;
    struct batch batch;

    if (!batch_parse(c->asked, &batch, &job->problem))
        return STEP_DONE;
    if (!batch.exists || !batch_ended(batch.status) || batch.callback_url.n == 0)
        return STEP_DONE;
    refusal = callback_refusal(&w->engine->config, batch.callback_url);
    if (refusal)
        return fail(job, PROBLEM_FORBIDDEN, refusal);
    return jobs_active_calls(w) < CALLBACKS_AT_ONCE ? call(w, job, &batch) : make_way(job);
}

/* ---- its outcome ---- */

/* An answer that is too long has been cut off: its status has been read. */
static enum step take_answer(struct job *job)
{
    const struct http_call *answer = &job->call;
    bool answered = answer->result == CURLE_OK || answer->response_bytes > CALLBACK_ANSWER_MOST;

    if (answered && answer->status / 100 == 2)
        return STEP_DONE;
    if (answered)
        problem_set(&job->problem, PROBLEM_SERVICE_UNAVAILABLE, "callback: answered with %ld",
                    answer->status);
    if (answer->address_refused)
        return fail(job, PROBLEM_FORBIDDEN, "its address is not public");
    return fail(job, PROBLEM_SERVICE_UNAVAILABLE, curl_easy_strerror(answer->result));
}

enum step job_callback(struct worker *w, struct job *job)
{
    const struct callback *c = job->state;

    if (!c)
        return begin(job);
    return c->called ? take_answer(job) : begin_call(w, job);
}

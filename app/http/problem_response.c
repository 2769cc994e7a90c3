/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/http/problem_response.h"

static void write_field_errors(const struct problem *p, struct jw *w)
{
    size_t written = 0;
    jw_array(w, "errors");
    for (const struct field_error *e = p->fields; e; e = e->next, written++) {
        jw_object(w, NULL);
        jw_str(w, "field", e->field);
        jw_str(w, "message", e->message);
        jw_object_end(w);
    }
    jw_array_end(w);
    /* memory was short: the list is not all of them */
    if (written < p->field_count)
        jw_int(w, "errors_total", (int64_t)p->field_count);
}

void problem_write(const struct problem *p, const char *key, struct jw *w)
{
    jw_object(w, key);
    jw_text(w, "code", problem_name(p->code));
    jw_text(w, "message", p->message);
    jw_object(w, "details");
    if (p->code == PROBLEM_VALIDATION_ERROR)
        write_field_errors(p, w);
    if (p->code == PROBLEM_INVALID_JSON && p->has_offset)
        jw_int(w, "offset", (int64_t)p->offset);
    jw_object_end(w);
    jw_object_end(w);
}

static void add_retry_after(const struct problem *p, struct http_response *r)
{
    bool must = p->code == PROBLEM_SERVICE_UNAVAILABLE || p->code == PROBLEM_RATE_LIMITED;
    if (p->retry_after_s <= 0 && !must)
        return;
    int seconds = p->retry_after_s > 0 ? p->retry_after_s : 1;
    (void)http_response_header(r, "Retry-After", arena_printf(r->body.arena, "%d", seconds));
}

/* RFC 6750 section 3. A 403 that says more than that rights are lacking is not about the token. */
static void add_challenge(const struct problem *p, struct http_response *r)
{
    struct str challenge = {0};

    if (p->code == PROBLEM_AUTH_ERROR)
        challenge = p->has_credentials
                        ? STR("Bearer realm=\"mastery-engine\", error=\"invalid_token\"")
                        : STR("Bearer realm=\"mastery-engine\"");
    else if (p->code == PROBLEM_FORBIDDEN && strcmp(p->message, problem_message(p->code)) == 0)
        challenge = STR("Bearer realm=\"mastery-engine\", error=\"insufficient_scope\"");
    if (challenge.n > 0)
        (void)http_response_header(r, "WWW-Authenticate", challenge);
}

static void add_headers(const struct problem *p, struct http_response *r)
{
    add_retry_after(p, r);
    add_challenge(p, r);
    if (p->code == PROBLEM_UNSUPPORTED_MEDIA_TYPE)
        (void)http_response_header(r, "Accept", STR("application/json"));
}

static void respond(const struct problem *p, struct str correlation_id, struct http_response *r)
{
    struct jw w;
    http_response_clear(r);
    add_headers(p, r);
    http_response_json(r, problem_status(p->code), &w);
    jw_bool(&w, "success", false);
    problem_write(p, "error", &w);
    jw_str(&w, "correlation_id", correlation_id);
    jw_object_end(&w);
}

void problem_respond(const struct problem *p, struct str correlation_id, struct http_response *r)
{
    respond(p, correlation_id, r);
    if (!r->body.failed || !p->fields)
        return;
    /* Too many field errors for the arena: what the body has got is enough for their number. */
    struct problem without_fields = *p;
    without_fields.fields = NULL;
    respond(&without_fields, correlation_id, r);
}

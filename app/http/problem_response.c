/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes the response of a problem (an error on its way to the client): the JSON body, and the
 * headers that the code of the problem requires (docs/api.md, Errors). */
#include "app/http/problem_response.h"

/* Writes the list of wrong fields. Errors for which there was no memory were counted but not
 * stored. The list is then incomplete, and the member errors_total has the number of all errors. */
static void problem_write_field_errors(const struct problem *p, struct jw *w)
{
    size_t written = 0;
    jw_array(w, "errors");
    for (const struct field_error *error = p->fields; error; error = error->next, written++) {
        jw_object(w, NULL);
        jw_str(w, "field", error->field);
        jw_str(w, "message", error->message);
        jw_object_end(w);
    }
    jw_array_end(w);

    if (written < p->field_count)
        jw_int(w, "errors_total", (int64_t)p->field_count);
}

/* Writes the error as an object with the members code, message and details. Only two codes have
 * something in details: the list of wrong fields, or the offset of the byte that is not valid JSON.
 */
void problem_write(const struct problem *p, const char *key, struct jw *w)
{
    jw_object(w, key);
    jw_text(w, "code", problem_name(p->code));
    jw_text(w, "message", p->message);
    jw_object(w, "details");
    if (p->code == PROBLEM_VALIDATION_ERROR)
        problem_write_field_errors(p, w);
    if (p->code == PROBLEM_INVALID_JSON && p->has_offset)
        jw_int(w, "offset", (int64_t)p->offset);
    jw_object_end(w);
    jw_object_end(w);
}

/* Adds Retry-After in seconds: always for 429 and 503, at least 1; for other codes when it is set.
 */
static void problem_add_retry_after(const struct problem *p, struct http_response *response)
{
    bool required = p->code == PROBLEM_SERVICE_UNAVAILABLE || p->code == PROBLEM_RATE_LIMITED;
    if (p->retry_after_s <= 0 && !required)
        return;
    int seconds = p->retry_after_s > 0 ? p->retry_after_s : 1;
    (void)http_response_header(response, "Retry-After",
                               arena_printf(response->body.arena, "%d", seconds));
}

/* Adds WWW-Authenticate (RFC 6750, section 3), which says what is wrong with the credentials. A 403
 * gets it when its message is the default one, about missing rights. A 403 with another message has
 * another reason, such as withdrawn consent, which other credentials would not change. */
static void problem_add_challenge(const struct problem *p, struct http_response *response)
{
    struct str challenge = {0};

    if (p->code == PROBLEM_AUTH_ERROR)
        challenge = p->has_credentials
                        ? STR("Bearer realm=\"mastery-engine\", error=\"invalid_token\"")
                        : STR("Bearer realm=\"mastery-engine\"");
    else if (p->code == PROBLEM_FORBIDDEN && strcmp(p->message, problem_message(p->code)) == 0)
        challenge = STR("Bearer realm=\"mastery-engine\", error=\"insufficient_scope\"");
    if (challenge.n > 0)
        (void)http_response_header(response, "WWW-Authenticate", challenge);
}

/* Replaces the response by the error: first the headers, then the body. */
static void problem_write_response(const struct problem *p, struct str correlation_id,
                                   struct http_response *response)
{
    struct jw w;
    http_response_clear(response);
    problem_add_retry_after(p, response);
    problem_add_challenge(p, response);
    http_response_json(response, problem_status(p->code), &w);
    jw_bool(&w, "success", false);
    problem_write(p, "error", &w);
    jw_str(&w, "correlation_id", correlation_id);
    jw_object_end(&w);
}

/* Writes the response of the problem. When it does not fit into memory, it is written again without
 * the list of wrong fields. */
void problem_respond(const struct problem *p, struct str correlation_id,
                     struct http_response *response)
{
    problem_write_response(p, correlation_id, response);
    if (!response->body.failed || !p->fields)
        return;
    /* The field errors did not fit into the arena. A body without them fits into the memory that
     * the body has already. */
    struct problem without_fields = *p;
    without_fields.fields = NULL;
    problem_write_response(&without_fields, correlation_id, response);
}

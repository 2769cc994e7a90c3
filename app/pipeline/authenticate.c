/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who the caller is. A user's token always takes precedence over the sidecar's: the sidecar adds
 * its own to every request that it passes on, also to those of callers that it does not know
 * (hazards W11). */
#include "app/pipeline/authenticate.h"

#include "app/base/digest.h"

/* expected: NULL when no such secret is configured. Compares in constant time. */
static bool authenticate_is_secret(const char *expected, struct str token)
{
    return expected && digest_secrets_equal(str_of(expected), token);
}

/* The sidecar's token is accepted on the sidecar's listener only, by routes made for it, and during
 * a rotation in its previous form too. */
static bool authenticate_is_sidecar(const struct exchange *x)
{
    const struct config *config = &x->engine->config;

    return x->request.sidecar && (x->route->flags & (ROUTE_SIDECAR_ONLY | ROUTE_SIDECAR_TRUSTED)) &&
           (authenticate_is_secret(config->app_api_token, x->request.api_token) ||
            authenticate_is_secret(config->app_api_token_past.text, x->request.api_token));
}

bool authenticate_by_header(struct exchange *x)
{
    bool sidecar_only =
        x->route->flags & ROUTE_SIDECAR_ONLY; /* no user's token opens such a route */
    struct str header = sidecar_only ? (struct str){0} : x->request.authorization;

    if (x->route->access == ACCESS_OPEN)
        return true;
    if (header.n == 0 && authenticate_is_sidecar(x)) {
        x->authority = AUTHORITY_SIDECAR;
        principal_set(&x->caller, ROLE_SERVICE, STR("dapr"));
        return true;
    }
    if (header.n == 0 && x->route->flags & ROUTE_TOKEN_IN_BODY)
        return true;
    if (!tokens_verify_header(x->engine->tokens, header, x->now_ms, &x->caller, &x->problem))
        return false;
    x->authority = AUTHORITY_TOKEN;
    return true;
}

/* security_context.token, from a body that is not validated yet. Empty when it is no text. */
static struct str authenticate_body_token(struct json_object *body)
{
    struct json_object *context, *token;

    if (!json_object_is_type(body, json_type_object) ||
        !json_object_object_get_ex(body, "security_context", &context) ||
        !json_object_is_type(context, json_type_object) ||
        !json_object_object_get_ex(context, "token", &token) ||
        !json_object_is_type(token, json_type_string))
        return (struct str){0};
    return (struct str){json_object_get_string(token), (size_t)json_object_get_string_len(token)};
}

/* A token may be in the header and in the body, but then both must name the same user and role: two
 * identities in one request could be played against each other. */
bool authenticate_by_body(struct exchange *x)
{
    struct principal by_header;
    struct str token;

    if (!(x->route->flags & ROUTE_TOKEN_IN_BODY))
        return true;
    token = authenticate_body_token(x->body);
    if (token.n == 0) {
        if (x->authority == AUTHORITY_NONE)
            problem_set(&x->problem, PROBLEM_AUTH_ERROR, NULL);
        return x->problem.code == PROBLEM_NONE;
    }
    principal_set(&by_header, x->caller.role, x->caller.user);
    if (!tokens_verify(x->engine->tokens, token, x->now_ms, &x->caller, &x->problem))
        return false;
    if (x->authority == AUTHORITY_TOKEN &&
        (x->caller.role != by_header.role || !str_equal(x->caller.user, by_header.user))) {
        problem_set(&x->problem, PROBLEM_AUTH_ERROR, "Two tokens name two users");
        x->problem.has_credentials = true;
        return false;
    }
    x->authority = AUTHORITY_BODY_TOKEN;
    return true;
}

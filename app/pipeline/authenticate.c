/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds out who sent a request. Users identify themselves by a JSON Web Token, the sidecar (Dapr's
 * process next to the engine) by a shared secret, its API token. A user's token always takes
 * precedence over the sidecar's token, because the sidecar adds its token to every request that it
 * passes on, also to requests of callers that it does not know (hazards W11). */
#include "app/pipeline/authenticate.h"

#include "app/auth/basic.h"
#include "app/base/digest.h"

/* Returns whether the token equals the expected secret; false when expected is NULL, since no such
 * secret is configured. The comparison takes the same time for all tokens of a length, so that its
 * time reveals nothing about the secret. */
static bool authenticate_is_secret(const char *expected, struct str token)
{
    return expected && digest_secrets_equal(str_of(expected), token);
}

/* Returns whether the request carries the sidecar's API token on the sidecar's own listener, for a
 * route that accepts it. While the token is being replaced (rotation), the previous token is
 * accepted too. */
static bool authenticate_is_sidecar(const struct exchange *x)
{
    const struct config *config = &x->engine->config;

    return x->request.sidecar && (x->route->flags & (ROUTE_SIDECAR_ONLY | ROUTE_SIDECAR_TRUSTED)) &&
           (authenticate_is_secret(config->app_api_token, x->request.api_token) ||
            authenticate_is_secret(config->app_api_token_past.text, x->request.api_token));
}

/* Returns whether no rate limit of nginx has counted the request: on routes with
 * ROUTE_SIDECAR_TRUSTED nginx exempts all requests with the header dapr-api-token
 * (app/ctl/nginx_locations.c), because nginx cannot check the secret. */
static bool authenticate_is_uncounted(const struct exchange *x)
{
    return x->request.sidecar && x->route->flags & ROUTE_SIDECAR_TRUSTED &&
           x->request.api_token.n > 0;
}

/* Identifies a learning tool by HTTP Basic. Returns false with x->problem set when the credentials
 * are not in XAPI_CREDENTIALS. The log says so, and not whether the key or the secret is wrong. */
static bool authenticate_by_basic(struct exchange *x)
{
    if (!basic_verify(&x->engine->config, x->request.authorization, x->arena, &x->caller)) {
        problem_set(&x->problem, PROBLEM_AUTH_ERROR, NULL);
        problem_reason(&x->problem, "key and secret of HTTP Basic are not in XAPI_CREDENTIALS");
        return false;
    }
    x->authority = AUTHORITY_CREDENTIALS;
    return true;
}

/* Tries the ways to identify the caller in this order: none needed, the sidecar's token, a token
 * that will be read from the body later, a learning tool's key and secret, a user's token. On a
 * route with ROUTE_SIDECAR_ONLY the Authorization header is ignored, because no user's token opens
 * such a route. A wrong dapr-api-token is refused even with a user's token if nginx has not counted
 * the request because of that header (authenticate_is_uncounted): otherwise any client could send
 * the header to avoid the rate limits (hazards X19). */
bool authenticate_by_header(struct exchange *x)
{
    bool sidecar_only = x->route->flags & ROUTE_SIDECAR_ONLY, is_sidecar;
    struct str header = sidecar_only ? (struct str){0} : x->request.authorization;

    if (x->route->access == ACCESS_OPEN)
        return true;
    is_sidecar = authenticate_is_sidecar(x);
    if (!is_sidecar && authenticate_is_uncounted(x)) {
        problem_set(&x->problem, PROBLEM_AUTH_ERROR, "dapr-api-token is not APP_API_TOKEN");
        x->problem.has_credentials = true;
        return false;
    }
    if (header.n == 0 && is_sidecar) {
        x->authority = AUTHORITY_SIDECAR;
        principal_set(&x->caller, ROLE_SERVICE, STR("dapr"));
        return true;
    }
    if (header.n == 0 && x->route->flags & ROUTE_TOKEN_IN_BODY)
        return true;
    if (x->route->flags & ROUTE_BASIC && basic_is_scheme(header))
        return authenticate_by_basic(x);
    if (!tokens_verify_header(x->engine->tokens, header, x->wall_ms, &x->caller, &x->problem))
        return false;
    x->authority = AUTHORITY_TOKEN;
    return true;
}

/* Returns the text of security_context.token in a body that is not validated yet; empty when it is
 * missing or not a text. */
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

/* A request may have one token in the header and one in the body. Both must then name the same user
 * and role; otherwise a part of the engine could act for one user and another part for the other. A
 * body without a token is accepted when the header has identified the caller. */
bool authenticate_by_body(struct exchange *x)
{
    struct principal by_header; /* the caller by the header; tokens_verify overwrites x->caller */
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
    if (!tokens_verify(x->engine->tokens, token, x->wall_ms, &x->caller, &x->problem))
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks the claims of a token (the members of its payload: sub, role, exp, ...). The table checks
 * lists the checks in their order; the first check that fails gives the message for the client. The
 * clock of the issuer may be ahead by JWT_LEEWAY_S, so nbf and iat may be that far in the
 * future. exp is compared exactly. */
#include "app/auth/token_claims.h"

#include "app/http/json.h"

struct claims_check {
    struct json_object *claims;
    const struct config *config;
    double now_ms; /* a whole number far below 2^53, so exact */
};

struct str token_string_member(struct json_object *object, const char *name)
{
    return json_str(json_object_object_get(object, name));
}

static bool is_number(struct json_object *value)
{
    return json_object_is_type(value, json_type_int) ||
           json_object_is_type(value, json_type_double);
}

/* Reads a NumericDate of RFC 7519 (seconds since the epoch, fractions allowed). False when the
 * claim is missing or not a number. */
static bool claim_time_ms(const struct claims_check *r, const char *name, double *ret_ms)
{
    struct json_object *value = json_object_object_get(r->claims, name);
    if (!is_number(value))
        return false;
    *ret_ms = json_object_get_double(value) * 1000;
    return true;
}

/* The role with this name; ROLE_NONE for a name that is no user's role. */
static enum role role_of(struct str name)
{
    /* ROLE_SERVICE comes after the last role of the loop: no token gives the sidecar's role. */
    for (enum role role = ROLE_STUDENT; role <= ROLE_ADMIN; role++)
        if (str_equal(name, str_of(role_names[role])))
            return role;
    return ROLE_NONE;
}

static bool is_object(const struct claims_check *r)
{
    return json_object_is_type(r->claims, json_type_object);
}

/* Whether sub is a text in the form of a user id (id_valid). */
static bool has_user(const struct claims_check *r)
{
    struct str sub = token_string_member(r->claims, "sub");
    return sub.p && id_valid(sub);
}

static bool has_role(const struct claims_check *r)
{
    return role_of(token_string_member(r->claims, "role")) != ROLE_NONE;
}

static bool has_expiry(const struct claims_check *r)
{
    double ignored_ms;
    return claim_time_ms(r, "exp", &ignored_ms);
}

static bool is_not_expired(const struct claims_check *r)
{
    double exp_ms;
    return claim_time_ms(r, "exp", &exp_ms) && r->now_ms < exp_ms;
}

/* Whether the token expires within the longest lifetime that is configured. */
static bool expires_in_time(const struct claims_check *r)
{
    double exp_ms;
    return claim_time_ms(r, "exp", &exp_ms) &&
           exp_ms <= r->now_ms + r->config->jwt_max_lifetime_s * 1e3;
}

/* Whether the claim is absent, or is a time in the past or at most JWT_LEEWAY_S in the future.
 */
static bool is_not_in_future(const struct claims_check *r, const char *name)
{
    double time_ms;
    if (!json_object_object_get_ex(r->claims, name, NULL))
        return true;
    return claim_time_ms(r, name, &time_ms) && time_ms <= r->now_ms + r->config->jwt_leeway_s * 1e3;
}

/* Whether nbf (not before) and iat (issued at) are absent or not in the future. */
static bool is_valid_already(const struct claims_check *r)
{
    return is_not_in_future(r, "nbf") && is_not_in_future(r, "iat");
}

/* Whether the token is from the configured issuer; true when no issuer is configured. */
static bool issuer_matches(const struct claims_check *r)
{
    struct str expected = str_of(r->config->jwt_issuer);
    return expected.n == 0 || str_equal(token_string_member(r->claims, "iss"), expected);
}

/* Whether an element of the list is the expected text. The loop goes on after it, because all
 * elements must be strings (RFC 7519, section 4.1.3); else the result is false. */
static bool list_has(struct json_object *list, struct str expected)
{
    bool found = false;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct str member = json_str(json_object_array_get_idx(list, i));
        if (!member.p)
            return false;
        found = found || str_equal(member, expected);
    }
    return found;
}

/* Whether the token is for the configured audience: aud is that text, or a list with it. Without a
 * configured audience the token must have no aud. */
static bool audience_matches(const struct claims_check *r)
{
    struct str expected = str_of(r->config->jwt_audience);
    struct json_object *aud;
    if (!json_object_object_get_ex(r->claims, "aud", &aud))
        return expected.n == 0;
    if (expected.n == 0)
        return false; /* the token is for a named audience, and this service has no name */
    if (json_object_is_type(aud, json_type_array))
        return list_has(aud, expected);
    return str_equal(json_str(aud), expected);
}

/* Each check with the message for a client whose token fails it. Later checks rely on earlier ones:
 * is_object comes first, because the others read members of the object. */
static const struct {
    bool (*passes)(const struct claims_check *r);
    const char *error;
} checks[] = {
    {is_object, "The token is not valid"},
    {has_user, "The token names no user (sub)"},
    {has_role, "The token names no role that is known here (role)"},
    {has_expiry, "The token does not say when it ends (exp)"},
    {is_not_expired, "The token has expired"},
    {expires_in_time, "The token ends too far in the future (exp)"},
    {is_valid_already, "The token is not valid yet (nbf, iat)"},
    {issuer_matches, "The token is from another issuer (iss)"},
    {audience_matches, "The token is for another audience (aud)"},
};

/* Makes the checks in the order of the table. The first one that fails gives the message that is
 * returned. When all pass, reads user, role and expiry from the claims, and returns NULL. */
const char *token_claims_error(struct json_object *claims, const struct config *config,
                               int64_t now_ms, struct principal *ret, int64_t *ret_expires_ms)
{
    const struct claims_check r = {claims, config, (double)now_ms};
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        if (!checks[i].passes(&r))
            return checks[i].error;
    double exp_ms = 0;
    /* The checks have found that exp is present and small enough for int64_t. */
    (void)claim_time_ms(&r, "exp", &exp_ms);
    *ret_expires_ms = (int64_t)exp_ms;
    principal_set(ret, role_of(token_string_member(claims, "role")),
                  token_string_member(claims, "sub"));
    return NULL;
}

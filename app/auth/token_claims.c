/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/auth/token_claims.h"

struct reading {
    struct json_object *claims;
    const struct config *config;
    double now_ms; /* exact: whole and far below 2^53 */
};

static struct str text_of(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string))
        return (struct str){0};
    return (struct str){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

struct str token_string_member(struct json_object *object, const char *name)
{
    return text_of(json_object_object_get(object, name));
}

static bool is_number(struct json_object *value)
{
    return json_object_is_type(value, json_type_int) ||
           json_object_is_type(value, json_type_double);
}

/* NumericDate: seconds, fractions allowed. */
static bool time_of(const struct reading *r, const char *name, double *ret_ms)
{
    struct json_object *value = json_object_object_get(r->claims, name);
    if (!is_number(value))
        return false;
    *ret_ms = json_object_get_double(value) * 1000;
    return true;
}

static enum role role_of(struct str name)
{
    /* ROLE_SERVICE lies beyond the end: no token makes its bearer the sidecar. */
    for (enum role role = ROLE_STUDENT; role <= ROLE_ADMIN; role++)
        if (str_equal(name, str_of(role_names[role])))
            return role;
    return ROLE_NONE;
}

static bool is_object(const struct reading *r)
{
    return json_object_is_type(r->claims, json_type_object);
}

static bool names_user(const struct reading *r)
{
    struct str sub = token_string_member(r->claims, "sub");
    return sub.p && id_valid(sub);
}

static bool names_role(const struct reading *r)
{
    return role_of(token_string_member(r->claims, "role")) != ROLE_NONE;
}

static bool has_end(const struct reading *r)
{
    double ignored_ms;
    return time_of(r, "exp", &ignored_ms);
}

static bool not_ended(const struct reading *r)
{
    double exp_ms;
    return time_of(r, "exp", &exp_ms) && r->now_ms < exp_ms;
}

static bool ends_in_time(const struct reading *r)
{
    double exp_ms;
    return time_of(r, "exp", &exp_ms) && exp_ms <= r->now_ms + r->config->jwt_max_lifetime_s * 1e3;
}

/* Absent, or a time that is not in the future beyond the tolerated skew. */
static bool not_ahead(const struct reading *r, const char *name)
{
    double time_ms;
    if (!json_object_object_get_ex(r->claims, name, NULL))
        return true;
    return time_of(r, name, &time_ms) && time_ms <= r->now_ms + r->config->jwt_clock_skew_s * 1e3;
}

static bool has_begun(const struct reading *r)
{
    return not_ahead(r, "nbf") && not_ahead(r, "iat");
}

static bool issuer_fits(const struct reading *r)
{
    struct str expected = str_of(r->config->jwt_issuer);
    return expected.n == 0 || str_equal(token_string_member(r->claims, "iss"), expected);
}

/* All members must be strings, as RFC 7519 has it, and one of them ours. */
static bool list_names(struct json_object *list, struct str expected)
{
    bool found = false;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct str member = text_of(json_object_array_get_idx(list, i));
        if (!member.p)
            return false;
        found = found || str_equal(member, expected);
    }
    return found;
}

static bool audience_fits(const struct reading *r)
{
    struct str expected = str_of(r->config->jwt_audience);
    struct json_object *aud;
    if (!json_object_object_get_ex(r->claims, "aud", &aud))
        return expected.n == 0;
    if (expected.n == 0)
        return false; /* it is for somebody, and we are nobody by name */
    if (json_object_is_type(aud, json_type_array))
        return list_names(aud, expected);
    return str_equal(text_of(aud), expected);
}

static const struct {
    bool (*holds)(const struct reading *r);
    const char *otherwise;
} checks[] = {
    {is_object, "The token is not valid"},
    {names_user, "The token names no user (sub)"},
    {names_role, "The token names no role that is known here (role)"},
    {has_end, "The token does not say when it ends (exp)"},
    {not_ended, "The token has expired"},
    {ends_in_time, "The token ends too far in the future (exp)"},
    {has_begun, "The token is not valid yet (nbf, iat)"},
    {issuer_fits, "The token is from another issuer (iss)"},
    {audience_fits, "The token is for another audience (aud)"},
};

const char *token_claims_error(struct json_object *claims, const struct config *config,
                               int64_t now_ms, struct principal *ret, int64_t *ret_expires_ms)
{
    const struct reading r = {claims, config, (double)now_ms};
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        if (!checks[i].holds(&r))
            return checks[i].otherwise;
    double exp_ms = 0;
    (void)time_of(&r, "exp", &exp_ms); /* holds, and ends_in_time makes it fit */
    *ret_expires_ms = (int64_t)exp_ms;
    principal_set(ret, role_of(token_string_member(claims, "role")),
                  token_string_member(claims, "sub"));
    return NULL;
}

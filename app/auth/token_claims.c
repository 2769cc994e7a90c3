/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks the claims of a token (the members of its payload: sub, role, exp, ...). The table checks
 * lists the checks in their order; the first check that fails gives the message for the client. The
 * clock of the issuer may be ahead by JWT_LEEWAY_S, so nbf and iat may be that far in the
 * future. exp is compared exactly. */
#include "app/auth/token_claims.h"

#include <json-c/json_pointer.h>

#include "app/base/role_map.h"
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
static bool claim_time_ms(const struct claims_check *check, const char *name, double *ret_ms)
{
    struct json_object *value = json_object_object_get(check->claims, name);
    if (!is_number(value))
        return false;
    *ret_ms = json_object_get_double(value) * 1000;
    return true;
}

/* Returns the claim that a setting names: the member with that name or, when the setting begins
 * with a slash, the value at that JSON Pointer (RFC 6901). NULL when it is absent. */
static struct json_object *claim_of(const struct claims_check *check, const char *setting)
{
    struct json_object *value = NULL;
    if (setting[0] != '/')
        return json_object_object_get(check->claims, setting);
    return json_pointer_get(check->claims, setting, &value) == 0 ? value : NULL;
}

/* Returns the role with this name; ROLE_NONE when there is none. ROLE_SERVICE, the sidecar's role,
 * is never returned, because no token may give it. */
static enum role role_named(struct str name)
{
    for (enum role role = ROLE_STUDENT; role <= ROLE_ADMIN; role++)
        if (str_equal(name, str_of(role_names[role])))
            return role;
    return ROLE_NONE;
}

/* Returns the role that a word in a provider's claim means; ROLE_NONE when it is no role. With
 * an empty JWT_ROLE_MAP the words are the names of the roles. Otherwise only the words of the map
 * count: at some providers users choose the names of their groups, and a group called admin must
 * not make them administrators. The map is parsed for each look-up, which happens once for a token
 * that is then cached. */
static enum role role_meant(const struct claims_check *check, struct str word)
{
    struct str list = str_trim(str_of(check->config->jwt_role_map));
    struct role_map_entry entry;
    if (list.n == 0)
        return role_named(word);
    while (role_map_next(&list, &entry))
        if (str_equal(entry.word, word))
            return role_named(entry.role);
    return ROLE_NONE;
}

/* Returns the role in the claim JWT_ROLE_CLAIM: a text, or a list of which the highest role counts.
 * Words that are no role are skipped, because providers list words for other programs, too. */
static enum role role_of(const struct claims_check *check)
{
    struct json_object *value = claim_of(check, check->config->jwt_role_claim);
    enum role highest = ROLE_NONE;
    if (!json_object_is_type(value, json_type_array))
        return json_str(value).p ? role_meant(check, json_str(value)) : ROLE_NONE;
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        struct str word = json_str(json_object_array_get_idx(value, i));
        enum role role = word.p ? role_meant(check, word) : ROLE_NONE;
        highest = role > highest ? role : highest;
    }
    return highest;
}

/* Returns whether the payload is a JSON object; any other JSON value has no claims. */
static bool is_object(const struct claims_check *check)
{
    return json_object_is_type(check->claims, json_type_object);
}

/* Returns the text of the claim JWT_SUBJECT_CLAIM; its p is NULL when the claim is absent or no
 * text. */
static struct str subject_of(const struct claims_check *check)
{
    return json_str(claim_of(check, check->config->jwt_subject_claim));
}

/* Returns whether the subject is a text in the form of a user id (id_valid). */
static bool has_user(const struct claims_check *check)
{
    struct str subject = subject_of(check);
    return subject.p && id_valid(subject);
}

/* Returns whether the token gives a role of the engine. */
static bool has_role(const struct claims_check *check)
{
    return role_of(check) != ROLE_NONE;
}

/* Checks that exp, the time at which the token expires, is a number. */
static bool has_expiry(const struct claims_check *check)
{
    double ignored_ms;
    return claim_time_ms(check, "exp", &ignored_ms);
}

/* Checks that exp is in the future. */
static bool is_not_expired(const struct claims_check *check)
{
    double exp_ms;
    return claim_time_ms(check, "exp", &exp_ms) && check->now_ms < exp_ms;
}

/* Returns whether the token expires within the longest lifetime that the configuration allows. */
static bool expires_in_time(const struct claims_check *check)
{
    double exp_ms;
    return claim_time_ms(check, "exp", &exp_ms) &&
           exp_ms <= check->now_ms + check->config->jwt_max_lifetime_s * 1e3;
}

/* Returns whether the claim is absent, or is a time in the past or at most JWT_LEEWAY_S in the
 * future. */
static bool is_not_in_future(const struct claims_check *check, const char *name)
{
    double time_ms;
    if (!json_object_object_get_ex(check->claims, name, NULL))
        return true;
    return claim_time_ms(check, name, &time_ms) &&
           time_ms <= check->now_ms + check->config->jwt_leeway_s * 1e3;
}

/* Checks nbf, the time from which on the token is valid. */
static bool is_begun(const struct claims_check *check)
{
    return is_not_in_future(check, "nbf");
}

/* Checks iat, the time at which the token was issued. */
static bool is_issued(const struct claims_check *check)
{
    return is_not_in_future(check, "iat");
}

/* Returns whether the token comes from the configured issuer; true when no issuer is configured. */
static bool issuer_matches(const struct claims_check *check)
{
    struct str expected = str_of(check->config->jwt_issuer);
    return expected.n == 0 || str_equal(token_string_member(check->claims, "iss"), expected);
}

/* Returns whether the expected text is in the list and all elements are strings, as RFC 7519,
 * section 4.1.3, requires. Therefore the loop goes on after it has found the text. */
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

/* Returns whether the token is for the configured audience: aud is that text, or a list that
 * contains it. When no audience is configured, the token must have no aud. */
static bool audience_matches(const struct claims_check *check)
{
    struct str expected = str_of(check->config->jwt_audience);
    struct json_object *aud;
    if (!json_object_object_get_ex(check->claims, "aud", &aud))
        return expected.n == 0;
    if (expected.n == 0)
        return false; /* the token names an audience, but this service has no configured name */
    if (json_object_is_type(aud, json_type_array))
        return list_has(aud, expected);
    return str_equal(json_str(aud), expected);
}

/* Each check with the claim that it reads, and the message for a client whose token fails it.
 * setting: offset in struct config of the setting that holds the name of the claim; 0: `claim` is
 * the name. Later checks rely on earlier ones: is_object comes first, because the others read
 * members of the object. */
static const struct check {
    bool (*passes)(const struct claims_check *r);
    const char *error, *claim;
    size_t setting;
} checks[] = {
    {is_object, "The token is not valid", NULL, 0},
    {has_user, "The token names no user", NULL, offsetof(struct config, jwt_subject_claim)},
    {has_role, "The token names no role that is known here", NULL,
     offsetof(struct config, jwt_role_claim)},
    {has_expiry, "The token does not say when it ends", "exp", 0},
    {is_not_expired, "The token has expired", "exp", 0},
    {expires_in_time, "The token ends too far in the future", "exp", 0},
    {is_begun, "The token is not valid yet", "nbf", 0},
    {is_issued, "The token is not valid yet", "iat", 0},
    {issuer_matches, "The token is from another issuer", "iss", 0},
    {audience_matches, "The token is for another audience", "aud", 0},
};

/* Returns whether two texts are equal except for one slash at the end, a common mistake in the
 * setting of an issuer. */
static bool differs_by_slash(struct str a, struct str b)
{
    struct str longer = a.n > b.n ? a : b, shorter = a.n > b.n ? b : a;
    return longer.p && longer.n == shorter.n + 1 && longer.p[longer.n - 1] == '/' &&
           str_starts_with(longer, shorter);
}

/* Sets the reason for the log: the name of the claim that was refused, and its value. Of the
 * subject, which is personal data, the log says only that it does not have the form of an id. */
static void claims_explain(const struct claims_check *r, const struct check *check,
                           const char *claim, struct problem *p)
{
    struct json_object *value = claim_of(r, claim);
    struct str issuer = str_of(r->config->jwt_issuer);
    if (!value)
        problem_reason(p, "the token has no claim %s", claim);
    else if (check->passes == has_user)
        problem_reason(p, "the claim %s is no id (" ID_FORM ")", claim);
    else
        problem_reason(p, "the claim %s is %s%s", claim,
                       json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN),
                       check->passes == issuer_matches && differs_by_slash(json_str(value), issuer)
                           ? ", which differs from JWT_ISSUER by the slash at the end"
                           : "");
}

/* Makes the checks in the order of the table; the first one that fails sets the problem. When a
 * setting chooses the name of the claim, that name is read from the configuration, at the offset in
 * the table. */
static bool claims_pass(const struct claims_check *r, struct problem *p)
{
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        const struct check *check = &checks[i];
        const char *claim = check->claim;
        if (check->passes(r))
            continue;
        if (check->setting)
            memcpy(&claim, (const char *)r->config + check->setting, sizeof(claim));
        if (claim) {
            problem_set(p, PROBLEM_AUTH_ERROR, "%s (%s)", check->error, claim);
            claims_explain(r, check, claim, p);
        } else {
            problem_set(p, PROBLEM_AUTH_ERROR, "%s", check->error);
        }
        return false;
    }
    return true;
}

bool token_claims_valid(struct json_object *claims, const struct config *config, int64_t now_ms,
                        struct principal *ret, int64_t *ret_expires_ms, struct problem *p)
{
    const struct claims_check check = {claims, config, (double)now_ms};
    double exp_ms = 0;
    if (!claims_pass(&check, p))
        return false;
    /* The checks have found that exp is present and small enough for int64_t. */
    (void)claim_time_ms(&check, "exp", &exp_ms);
    *ret_expires_ms = (int64_t)exp_ms;
    principal_set(ret, role_of(&check), subject_of(&check));
    return true;
}

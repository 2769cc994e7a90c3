/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verifies tokens, and holds the keys for it. A token in the cache of verified tokens is accepted
 * at once. Any other token must pass all checks, the cheap ones first: size, form, header,
 * signature by one of the current or retired keys, claims. A retired key is one that a reload has
 * no longer found in the key files; it is accepted for KEY_GRACE_S seconds more. The generation is
 * a number that grows with each change of the keys; a cached token of an older generation is
 * verified again. */
#include "app/auth/token.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/auth/jws.h"
#include "app/auth/provider.h"
#include "app/auth/token_cache.h"
#include "app/auth/token_claims.h"
#include "app/auth/token_keys.h"
#include "app/base/base64.h"
#include "app/http/json.h"

/* First and greatest size of the memory for one verification, in bytes. The latter is more than the
 * decoded header and payload of a token of TOKEN_MAX bytes need. */
enum { SCRATCH_FIRST = 32 * 1024, SCRATCH_CAP = 512 * 1024 };

struct tokens {
    const struct config *config;
    struct token_keys keys;    /* current keys, as settings or files hold them */
    struct token_keys retired; /* keys that were removed but are still accepted; the oldest first */
    int64_t retired_until_us[TOKEN_KEYS_MAX]; /* monotonic; when each retired key is dropped */
    uint64_t generation;                      /* number that grows when keys or retired change */
    struct provider *provider; /* fetches the keys; NULL: they come from settings or files */
    struct token_cache *cache; /* tokens that were verified a moment ago */
    struct arena *scratch;     /* memory of one verification, reset after it */
};

/* Loads the keys from settings and files. If they come from an identity provider's server, makes
 * the struct provider instead; its ticks in the event loop fetch the keys, and until then there are
 * none. Returns false with a message in ret_error. */
static bool tokens_open_keys(struct tokens *tokens, char ret_error[200])
{
    if (!token_keys_by_url(tokens->config))
        return token_keys_load(tokens->config, &tokens->keys, ret_error);
    tokens->provider = provider_new(tokens->config, ret_error);
    return tokens->provider != NULL;
}

/* Allocates the cache and the scratch memory, and loads the keys. The first generation is 1,
 * because 0 marks an unused entry in the cache. On failure tokens_free releases everything, and
 * ret_error has the message. */
struct tokens *tokens_new(const struct config *config, char ret_error[200])
{
    struct tokens *tokens = calloc(1, sizeof(*tokens));
    if (!tokens) {
        (void)snprintf(ret_error, 200, "no memory for tokens");
        return NULL;
    }
    tokens->config = config;
    tokens->generation = 1;
    tokens->cache = token_cache_new();
    tokens->scratch = arena_new(SCRATCH_FIRST, SCRATCH_CAP);
    if (!tokens->cache || !tokens->scratch)
        (void)snprintf(ret_error, 200, "no memory for tokens");
    else if (tokens_open_keys(tokens, ret_error))
        return tokens;
    tokens_free(tokens);
    return NULL;
}

/* Also called by tokens_new for a struct that is only partly filled: all functions called here
 * accept empty or NULL members. */
void tokens_free(struct tokens *tokens)
{
    if (!tokens)
        return;
    provider_free(tokens->provider);
    token_keys_release(&tokens->keys);
    token_keys_release(&tokens->retired);
    token_cache_free(tokens->cache);
    arena_free(tokens->scratch);
    free(tokens);
}

/* Removes the retired key at index i and the time of its end; later ones move up by one. */
static void tokens_drop_retired(struct tokens *tokens, size_t i)
{
    token_keys_remove(&tokens->retired, i);
    memmove(&tokens->retired_until_us[i], &tokens->retired_until_us[i + 1],
            (tokens->retired.n - i) * sizeof(tokens->retired_until_us[0]));
}

/* Moves the keys in `old` that are no longer current to the retired keys, which then own them. With
 * KEY_GRACE_S = 0 none is retired. When there are too many, the oldest retired key is dropped. A
 * retired key that is current again is removed from the retired keys. */
static void tokens_retire(struct tokens *tokens, struct token_keys *old, int64_t now_us)
{
    int64_t grace_us = tokens->config->key_grace_s * INT64_C(1000000);
    for (size_t i = 0; grace_us > 0 && i < old->n; i++) {
        if (token_keys_contain(&tokens->keys, &old->v[i]))
            continue;
        if (tokens->retired.n == TOKEN_KEYS_MAX)
            tokens_drop_retired(tokens, /* the oldest */ 0);
        tokens->retired_until_us[tokens->retired.n] = now_us + grace_us;
        tokens->retired.v[tokens->retired.n++] = old->v[i];
        old->v[i] = (struct token_key){0};
    }
    for (size_t i = tokens->retired.n; i-- > 0;) /* backwards, because removing moves later keys */
        if (token_keys_contain(&tokens->keys, &tokens->retired.v[i]))
            tokens_drop_retired(tokens, i);
}

/* Replaces the current keys, and retires the old ones. The generation grows, so that cached tokens
 * are verified again; keys that are the same as before keep the cache. tokens_retire moves retired
 * keys out of `old`; the keys that are left in it are wiped. */
static void tokens_adopt(struct tokens *tokens, struct token_keys *keys, int64_t now_us)
{
    struct token_keys old = tokens->keys;
    if (token_keys_equal(keys, &old)) {
        token_keys_release(keys);
        return;
    }
    tokens->keys = *keys;
    tokens->generation++;
    tokens_retire(tokens, &old, now_us);
    token_keys_release(&old);
}

/* Loads the keys into a new set, which then replaces the current one. Keys of a provider do not
 * come from files: the next provider_tick fetches them. */
bool tokens_reload(struct tokens *tokens, int64_t now_us, char ret_error[200])
{
    struct token_keys keys;
    if (tokens->provider)
        return true;
    if (!token_keys_load(tokens->config, &keys, ret_error))
        return false;
    tokens_adopt(tokens, &keys, now_us);
    return true;
}

struct provider *tokens_provider(const struct tokens *tokens)
{
    return tokens->provider;
}

bool tokens_are_fetching(const struct tokens *tokens)
{
    return tokens->provider && provider_is_fetching(tokens->provider);
}

/* Reads the next event of the provider, puts its keys to use, and returns the event. Keys that are
 * too old (PROVIDER_EXPIRED) are dropped at once, without a grace time. */
enum provider_event tokens_tick(struct tokens *tokens, int64_t now_us)
{
    struct token_keys keys = {.n = 0};
    enum provider_event event =
        tokens->provider ? provider_tick(tokens->provider, now_us, &keys) : PROVIDER_NOTHING;
    if (event == PROVIDER_COPIED || event == PROVIDER_FETCHED)
        tokens_adopt(tokens, &keys, now_us);
    if (event == PROVIDER_EXPIRED) {
        token_keys_release(&tokens->keys);
        token_keys_release(&tokens->retired);
        tokens->generation++;
    }
    return event;
}

/* Retired keys are ordered by the time of their end, so only the first one is examined. The
 * generation grows, because cached tokens may have been verified by the dropped key. */
void tokens_expire_keys(struct tokens *tokens, int64_t now_us)
{
    while (tokens->retired.n > 0 && now_us >= tokens->retired_until_us[0]) {
        tokens_drop_retired(tokens, 0);
        tokens->generation++;
    }
}

uint64_t tokens_generation(const struct tokens *tokens)
{
    return tokens->generation;
}

/* Sets a problem (401 with this message) for a token that is refused. Always returns false, so that
 * callers can return its result. */
static bool token_refuse(struct problem *p, const char *why)
{
    problem_set(p, PROBLEM_AUTH_ERROR, "%s", why);
    p->has_credentials = true;
    return false;
}

/* Splits a token, header.payload.signature. Returns false when one of the three is empty. A third
 * dot stays in the signature, which is then refused later, because a dot is not base64url. */
static bool token_split(struct str token, struct str *ret_header, struct str *ret_payload,
                        struct str *ret_signature)
{
    *ret_header = str_cut(&token, '.');
    *ret_payload = str_cut(&token, '.');
    *ret_signature = token;
    return ret_header->n > 0 && ret_payload->n > 0 && token.n > 0;
}

/* Decodes and parses the header or payload; NULL when it is not base64url of valid JSON. */
static struct json_object *token_parse_section(struct str section, struct arena *scratch)
{
    struct problem ignored = {.code = PROBLEM_NONE};
    struct str text = base64url_decode(section, scratch);
    return text.p ? json_parse(text, scratch, &ignored) : NULL;
}

/* Returns whether the token's header has no `typ`, or one of the types of a JSON Web Token (RFC
 * 7519, section 5.1) or access token (RFC 9068, section 2.1). */
static bool token_type_valid(struct json_object *header)
{
    static const char *const types[] = {"JWT", "application/jwt", "at+jwt", "application/at+jwt"};
    struct json_object *typ;
    struct str type;
    if (!json_object_object_get_ex(header, "typ", &typ))
        return true;
    type = json_str(typ);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (type.p && str_equal_nocase(type, str_of(types[i])))
            return true;
    return false;
}

/* Returns whether the header of a token names the configured algorithm and demands nothing else.
 * Sets the reason in *p when it does not. */
static bool token_header_valid(struct json_object *header, const char *algorithm, struct problem *p)
{
    struct str alg;
    if (!json_object_is_type(header, json_type_object)) {
        problem_reason(p, "the header of the token is not JSON in base64url");
        return false;
    }
    alg = token_string_member(header, "alg");
    if (!str_equal(alg, str_of(algorithm)))
        problem_reason(p, "the token's algorithm is %.*s, and JWT_ALGORITHM is %s", STR_ARG(alg),
                       algorithm);
    else if (json_object_object_get_ex(header, "crit", NULL))
        /* crit lists extensions that the engine does not have (RFC 7515, section 4.1.11) */
        problem_reason(p, "the token has the header crit");
    else if (!token_type_valid(header))
        problem_reason(p, "the token has another type (typ)");
    else
        return true;
    return false;
}

/* Returns whether one of the keys verifies the signature. kid: name of the key in the token's
 * header, or empty; a key with another name is not tried. */
static bool token_signed_by_any(const struct token_keys *keys, struct str kid,
                                struct str signed_part, struct str signature, const char *algorithm)
{
    for (size_t i = 0; i < keys->n; i++) {
        const struct token_key *key = &keys->v[i];
        bool other = kid.p && key->kid && !str_equal(kid, str_of(key->kid));
        if (!other && jws_verify(signed_part, signature, algorithm, key))
            return true;
    }
    return false;
}

/* Returns whether one of the keys has this name (kid, the key id of a JWK Set). */
static bool token_keys_have_kid(const struct token_keys *keys, struct str kid)
{
    for (size_t i = 0; i < keys->n; i++)
        if (keys->v[i].kid && str_equal(kid, str_of(keys->v[i].kid)))
            return true;
    return false;
}

/* Requests a fetch of the provider's keys for a token that no key verifies, and sets p->awaits_keys
 * when keys are being fetched. When the key that the token names is known, requests nothing,
 * because the signature is forged. A token that names no key may be signed by a new one. */
static void token_request_key(struct tokens *tokens, struct str kid, struct problem *p)
{
    bool known = kid.p && (token_keys_have_kid(&tokens->keys, kid) ||
                           token_keys_have_kid(&tokens->retired, kid));
    p->awaits_keys = tokens->provider && !known && provider_request(tokens->provider);
}

/* Returns whether form, header and signature of a token are valid; the claims are not checked.
 * *ret_payload is the payload, still encoded. On failure p has the reason. Some reasons are set
 * before the check, so p has one after success too. */
static bool token_signature_valid(struct tokens *tokens, struct str token, struct str *ret_payload,
                                  struct problem *p)
{
    const char *algorithm = tokens->config->jwt_algorithm;
    struct str header_text, signature, signed_part, kid;
    struct json_object *header;
    problem_reason(p, "the token is not of the form header.payload.signature in base64url");
    if (!token_split(token, &header_text, ret_payload, &signature))
        return false;
    signed_part = (struct str){token.p, token.n - signature.n - 1};
    signature = base64url_decode(signature, tokens->scratch);
    header = token_parse_section(header_text, tokens->scratch);
    if (!signature.p || !token_header_valid(header, algorithm, p))
        return false;
    kid = token_string_member(header, "kid");
    problem_reason(p, "no key verifies the signature; the token's kid is %.*s",
                   STR_ARG(kid.p ? kid : STR("absent")));
    if (token_signed_by_any(&tokens->keys, kid, signed_part, signature, algorithm) ||
        token_signed_by_any(&tokens->retired, kid, signed_part, signature, algorithm))
        return true;
    token_request_key(tokens, kid, p);
    return false;
}

/* Verifies a token that is not in the cache, and stores its user and role in *ret when it is valid.
 * The message of the problem does not say which check of the signature failed, because that would
 * only help an attacker; p->reason, for the log, does. */
static bool token_check(struct tokens *tokens, struct str token, int64_t now_ms,
                        struct principal *ret, int64_t *ret_expires_ms, struct problem *p)
{
    struct str payload;
    if (!token_signature_valid(tokens, token, &payload, p))
        return token_refuse(p, "The token is not valid");
    /* token_signature_valid sets reasons before its checks; here all of them have passed */
    p->reason[0] = '\0';
    if (token_claims_valid(token_parse_section(payload, tokens->scratch), tokens->config, now_ms,
                           ret, ret_expires_ms, p))
        return true;
    p->has_credentials = true;
    return false;
}

/* Returns whether there are no keys at all: the provider was never reached, or its last keys are
 * too old. The problem then says that the token cannot be judged. If a fetch of keys is running,
 * the request may wait for them (awaits_keys). */
static bool tokens_lack_keys(const struct tokens *tokens, struct problem *p)
{
    if (!tokens->provider || tokens->keys.n > 0)
        return false;
    problem_set(p, PROBLEM_SERVICE_UNAVAILABLE,
                "The keys of the identity provider are not available");
    p->retry_after_s = 2;
    problem_reason(p, "no keys: %s", provider_error(tokens->provider));
    p->awaits_keys = provider_is_fetching(tokens->provider);
    return true;
}

/* Looks up the token in the cache by its digest. If it is not there, makes all checks and adds it
 * to the cache. The problem's message is a copy, so the scratch memory can be reset. */
bool tokens_verify(struct tokens *tokens, struct str token, int64_t now_ms, struct principal *ret,
                   struct problem *p)
{
    unsigned char digest[DIGEST_SIZE];
    int64_t expires_ms;
    if (token.n == 0 || token.n > TOKEN_MAX)
        return token_refuse(p, "The token is not valid");
    if (tokens_lack_keys(tokens, p))
        return false;
    digest_sha256(token, digest);
    if (token_cache_find(tokens->cache, digest, tokens->generation, now_ms, ret))
        return true;
    bool valid = token_check(tokens, token, now_ms, ret, &expires_ms, p);
    arena_reset(tokens->scratch);
    if (valid)
        token_cache_add(tokens->cache, digest, tokens->generation, now_ms, expires_ms, ret);
    return valid;
}

/* Cuts the token out of a header "Bearer TOKEN" and verifies it. The scheme Bearer may be in upper
 * or lower case, with one or more spaces after it (RFC 6750, section 2.1). A header with another
 * scheme counts as no credentials. */
bool tokens_verify_header(struct tokens *tokens, struct str authorization, int64_t now_ms,
                          struct principal *ret, struct problem *p)
{
    struct str rest = str_trim(authorization), scheme = rest;
    scheme.n = 0;
    while (scheme.n < rest.n && !memchr(" \t,=", rest.p[scheme.n], 4))
        scheme.n++;
    if (!str_equal_nocase(scheme, STR("Bearer"))) {
        problem_set(p, PROBLEM_AUTH_ERROR, NULL);
        return false;
    }
    for (rest.p += scheme.n, rest.n -= scheme.n; rest.n > 0 && rest.p[0] == ' '; rest.n--)
        rest.p++;
    if (rest.n == 0)
        return token_refuse(p, "The Authorization header is not of the form: Bearer, space, token");
    return tokens_verify(tokens, rest, now_ms, ret, p);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verifies the key and secret of a learning tool (HTTP Basic). The secrets are random texts, not
 * passwords of persons. So one SHA-256 protects them as well as a slow password hash, and does not
 * delay the event loop. */
#include "app/auth/basic.h"

#include "app/base/base64.h"
#include "app/base/credentials.h"
#include "app/base/digest.h"

#define BASIC_SCHEME "Basic "

bool basic_is_scheme(struct str authorization)
{
    struct str scheme = STR(BASIC_SCHEME);

    return authorization.n >= scheme.n &&
           str_equal_nocase((struct str){authorization.p, scheme.n}, scheme);
}

/* Returns whether the list (the lines of XAPI_CREDENTIALS) has the key with this hash of its
 * secret. The list may have upper-case hexadecimal digits, and the same key several times, while
 * its secret is being replaced. All lines are compared, so that the time does not show which of
 * them matches. */
static bool basic_is_listed(const char *list, struct str key, struct str hash)
{
    struct str text = str_of(list);
    struct credential credential = {.line = 0};
    bool found = false;

    while (credentials_next(&text, &credential)) {
        char lower[DIGEST_HEX_SIZE] = "";

        for (size_t i = 0; i < credential.hash.n && i + 1 < sizeof(lower); i++)
            /* sets the bit that makes letters lower-case; digits have it already */
            lower[i] = (char)(credential.hash.p[i] | 0x20);
        found |= str_equal(credential.key, key) && digest_secrets_equal(str_of(lower), hash);
    }
    return found;
}

/* Decodes "KEY:SECRET" from base64, and looks for the key with the hash of the secret in the
 * current credentials, then in those that were removed less than KEY_GRACE_S ago. */
bool basic_verify(const struct config *config, struct str authorization, struct arena *arena,
                  struct principal *ret)
{
    const size_t scheme_n = sizeof(BASIC_SCHEME) - 1;
    unsigned char digest[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];
    struct str secret, key, user;

    if (!basic_is_scheme(authorization))
        return false;
    secret = base64_decode(
        str_trim((struct str){authorization.p + scheme_n, authorization.n - scheme_n}), arena);
    if (!secret.p || !memchr(secret.p, ':', secret.n))
        return false;
    key = str_cut(&secret, ':');
    digest_sha256(secret, digest);
    hex_print(digest, sizeof(digest), hex);
    if (key.n == 0 || key.n > CREDENTIAL_KEY_MAX ||
        (!basic_is_listed(config->xapi_credentials, key, str_of(hex)) &&
         !basic_is_listed(config->xapi_credentials_past.text, key, str_of(hex))))
        return false;
    user = arena_printf(arena, "xapi:%.*s", STR_ARG(key));
    if (!user.p)
        return false;
    principal_set(ret, ROLE_SERVICE, user);
    return true;
}

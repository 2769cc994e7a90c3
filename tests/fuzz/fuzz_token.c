/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first byte chooses what the rest is: an Authorization header, a token's header (signed and
 * with a good payload), or a payload under a good signature. Nothing may be accepted but a person
 * with a valid id, and the first kind not at all: the input cannot know the secret. */
#include "app/auth/token.h"

#include <stdlib.h>

#include "tests/unit/forge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_MS INT64_C(1800000000000)

static const char secret[] = "a secret of the fuzzer, 32 bytes";
static const struct config config = {.jwt_algorithm = "HS256",
                                     .jwt_secret = secret,
                                     .jwt_public_key_file = "",
                                     .jwt_issuer = "",
                                     .jwt_audience = "",
                                     .jwt_clock_skew_s = 30,
                                     .jwt_max_lifetime_s = 3600};

static void check(bool accepted, const struct principal *who, const struct problem *p)
{
    if (!accepted && p->code == PROBLEM_AUTH_ERROR)
        return;
    if (accepted && p->code == PROBLEM_NONE && id_valid(who->user) && who->role >= ROLE_STUDENT &&
        who->role <= ROLE_ADMIN)
        return;
    abort();
}

static void verify_line(struct tokens *tokens, struct str line)
{
    struct principal who;
    struct problem p = {.code = PROBLEM_NONE};
    if (tokens_verify_header(tokens, line, NOW_MS, &who, &p))
        abort();
    check(false, &who, &p);
}

static void verify_signed(struct tokens *tokens, const char *header, struct str payload)
{
    struct principal who;
    struct problem p = {.code = PROBLEM_NONE};
    char *token = forge_hmac(header, payload, EVP_sha256(), str_of(secret));
    bool accepted = tokens_verify(tokens, str_of(token), NOW_MS, &who, &p);
    check(accepted, &who, &p);
    free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tokens *tokens;
    char error[200];
    if (!tokens)
        tokens = tokens_new(&config, error);
    if (!tokens || size == 0 || size > 16384)
        return 0;
    char *text = strndup((const char *)data + 1, size - 1);
    struct str rest = {(const char *)data + 1, size - 1};
    if (data[0] % 3 == 0)
        verify_line(tokens, rest);
    else if (data[0] % 3 == 1)
        verify_signed(tokens, text, STR("{\"sub\":\"a\",\"role\":\"admin\",\"exp\":1800000600}"));
    else
        verify_signed(tokens, "{\"alg\":\"HS256\"}", rest);
    free(text);
    return 0;
}

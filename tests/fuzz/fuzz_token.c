/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Input: a byte that selects the kind, then an Authorization header, the header of a token (with a
 * valid payload and signature), or the payload of a token (with a valid signature). Only a user
 * with a valid id may be accepted, and the first kind never: the input cannot contain the secret's
 * HMAC. */
#include "app/auth/token.h"

#include <stdlib.h>

#include "tests/unit/forge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_MS INT64_C(1800000000000)

static const char secret[] = "a secret of the fuzzer, 32 bytes";
static const struct config config = {.jwt_algorithm = "HS256",
                                     .jwt_secret = secret,
                                     .jwt_public_key_file = "",
                                     .jwt_subject_claim = "sub",
                                     .jwt_role_claim = "role",
                                     .jwt_role_map = "",
                                     .jwt_issuer = "",
                                     .jwt_audience = "",
                                     .jwt_leeway_s = 60,
                                     .jwt_max_lifetime_s = 3600};

static void check(bool accepted, const struct principal *principal, const struct problem *p)
{
    if (!accepted && p->code == PROBLEM_AUTH_ERROR)
        return;
    if (accepted && p->code == PROBLEM_NONE && id_valid(principal->user) &&
        principal->role >= ROLE_STUDENT && principal->role <= ROLE_ADMIN)
        return;
    abort();
}

static void verify_line(struct tokens *tokens, struct str line)
{
    struct principal principal;
    struct problem p = {.code = PROBLEM_NONE};
    if (tokens_verify_header(tokens, line, NOW_MS, &principal, &p))
        abort();
    check(false, &principal, &p);
}

static void verify_signed(struct tokens *tokens, const char *header, struct str payload)
{
    struct principal principal;
    struct problem p = {.code = PROBLEM_NONE};
    char *token = forge_hmac(header, payload, EVP_sha256(), str_of(secret));
    bool accepted = tokens_verify(tokens, str_of(token), NOW_MS, &principal, &p);
    check(accepted, &principal, &p);
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/token_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include <CUnit/CUnit.h>

const char secret_1[] = "the first secret of thirty-two b";
const char secret_2[] = "another secret, a little longer than that";
const char header_hs256[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
const char good_claims[] = "{\"sub\":\"student_001\",\"role\":\"student\",\"exp\":1800000600}";
const char not_valid[] = "The token is not valid";

struct problem last;

struct config hs256_config(const char *secrets)
{
    return (struct config){.jwt_algorithm = "HS256",
                           .jwt_secret = secrets,
                           .jwt_public_key_file = "",
                           .jwt_subject_claim = "sub",
                           .jwt_role_claim = "role",
                           .jwt_role_map = "",
                           .jwt_issuer = "",
                           .jwt_audience = "",
                           .jwt_leeway_s = 60,
                           .jwt_max_lifetime_s = 3600};
}

struct tokens *tokens_of(const struct config *config)
{
    char error[200] = "";
    struct tokens *tokens = tokens_new(config, error);
    if (!tokens)
        fprintf(stderr, "tokens_new: %s\n", error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(tokens);
    return tokens;
}

bool accepts_str(struct tokens *tokens, struct str token, int64_t now_ms)
{
    struct principal who = {.role = ROLES};
    last = (struct problem){.code = PROBLEM_NONE};
    bool accepted = tokens_verify(tokens, token, now_ms, &who, &last);
    if (accepted) {
        CU_ASSERT_EQUAL(last.code, PROBLEM_NONE);
        CU_ASSERT_EQUAL(who.user.p, who.user_id);
    } else {
        CU_ASSERT_EQUAL(who.role, ROLES);
        CU_ASSERT_EQUAL(last.code, PROBLEM_AUTH_ERROR);
        CU_ASSERT_TRUE(last.has_credentials);
    }
    return accepted;
}

bool accepts(struct tokens *tokens, const char *token, int64_t now_ms)
{
    return accepts_str(tokens, str_of(token), now_ms);
}

bool accepts_forged(struct tokens *tokens, char *token)
{
    bool accepted = accepts(tokens, token, NOW_MS);
    free(token);
    return accepted;
}

void expect(bool holds, const char *what)
{
    if (!holds)
        fprintf(stderr, "\n    not so: %s (%s)\n", what, last.message);
    CU_ASSERT_TRUE(holds);
}

char *hs256(const char *claims)
{
    return forge_hmac(header_hs256, str_of(claims), EVP_sha256(), str_of(secret_1));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/auth/token.h"

#include <stdio.h>
#include <stdlib.h>

#include <CUnit/CUnit.h>

#include "app/auth/token_cache.h"
#include "app/base/base64.h"
#include "tests/unit/token_fixture.h"

void token_tests(void);

/* ---- claims ---- */

#define WHO "\"sub\":\"student_001\",\"role\":\"student\""
#define EXP ",\"exp\":1800000600"
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct claims_case {
    const char *claims;
    bool accepted;
    const char *issuer, *audience;
};

/* now is 1800000000, skew 30, longest life 3600 */
/* clang-format off */
static const struct claims_case claims_cases[] = {
    /* sub */
    {"{" WHO EXP "}", true, "", ""},
    {"{\"role\":\"student\"" EXP "}", false, "", ""},
    {"{\"sub\":\"\",\"role\":\"student\"" EXP "}", false, "", ""},
    {"{\"sub\":null,\"role\":\"student\"" EXP "}", false, "", ""},
    {"{\"sub\":7,\"role\":\"student\"" EXP "}", false, "", ""},
    {"{\"sub\":[\"student_001\"],\"role\":\"student\"" EXP "}", false, "", ""},
    {"{\"sub\":\"student 001\",\"role\":\"student\"" EXP "}", false, "", ""},
    {"{\"sub\":\"student_001\\n\",\"role\":\"student\"" EXP "}", false, "", ""},
    {"{\"sub\":\"student_001\\u0000\",\"role\":\"student\"" EXP "}", false, "", ""},
    {"{\"sub\":\"{2b}:x\",\"role\":\"student\"" EXP "}", false, "", ""},
    {"{\"sub\":\"" A64 A64 "\",\"role\":\"student\"" EXP "}", true, "", ""},
    {"{\"sub\":\"" A64 A64 "a\",\"role\":\"student\"" EXP "}", false, "", ""},
    {"{\"sub\":\"\\u0073tudent_001\",\"role\":\"student\"" EXP "}", true, "", ""},
    {"{\"sub\":\"student_001\",\"sub\":\"student_002\",\"role\":\"student\"" EXP "}", false, "", ""},
    {"{\"sub\":\"student_001\",\"s\\u0075b\":\"student_002\",\"role\":\"student\"" EXP "}", false, "", ""},
    {"{\"Sub\":\"student_001\",\"role\":\"student\"" EXP "}", false, "", ""},
    /* role */
    {"{\"sub\":\"student_001\"" EXP "}", false, "", ""},
    {"{\"sub\":\"student_001\",\"role\":\"teacher\"" EXP "}", true, "", ""},
    {"{\"sub\":\"student_001\",\"role\":\"admin\"" EXP "}", true, "", ""},
    {"{\"sub\":\"student_001\",\"role\":\"service\"" EXP "}", false, "", ""},
    {"{\"sub\":\"student_001\",\"role\":\"none\"" EXP "}", false, "", ""},
    {"{\"sub\":\"student_001\",\"role\":\"Admin\"" EXP "}", false, "", ""},
    {"{\"sub\":\"student_001\",\"role\":\"\"" EXP "}", false, "", ""},
    {"{\"sub\":\"student_001\",\"role\":\"admin \"" EXP "}", false, "", ""},
    {"{\"sub\":\"student_001\",\"role\":[\"admin\"]" EXP "}", true, "", ""},
    {"{\"sub\":\"student_001\",\"role\":3" EXP "}", false, "", ""},
    {"{\"sub\":\"student_001\",\"role\":\"student\",\"role\":\"admin\"" EXP "}", false, "", ""},
    /* exp */
    {"{" WHO "}", false, "", ""},
    {"{" WHO ",\"exp\":null}", false, "", ""},
    {"{" WHO ",\"exp\":\"1800000600\"}", false, "", ""},
    {"{" WHO ",\"exp\":true}", false, "", ""},
    {"{" WHO ",\"exp\":[1800000600]}", false, "", ""},
    {"{" WHO ",\"exp\":1800000000}", false, "", ""},
    {"{" WHO ",\"exp\":1799999999}", false, "", ""},
    {"{" WHO ",\"exp\":1800000001}", true, "", ""},
    {"{" WHO ",\"exp\":1800000000.5}", true, "", ""},
    {"{" WHO ",\"exp\":1799999999.999}", false, "", ""},
    {"{" WHO ",\"exp\":1.8000006e9}", true, "", ""},
    {"{" WHO ",\"exp\":1800003600}", true, "", ""},
    {"{" WHO ",\"exp\":1800003600.5}", false, "", ""},
    {"{" WHO ",\"exp\":1800003601}", false, "", ""},
    {"{" WHO ",\"exp\":1800000600000}", false, "", ""},
    {"{" WHO ",\"exp\":0}", false, "", ""},
    {"{" WHO ",\"exp\":-0}", false, "", ""},
    {"{" WHO ",\"exp\":-1}", false, "", ""},
    {"{" WHO ",\"exp\":9223372036854775807}", false, "", ""},
    {"{" WHO ",\"exp\":18446744075509552216}", false, "", ""},
    {"{" WHO ",\"exp\":1e308}", false, "", ""},
    {"{" WHO ",\"exp\":1e309}", false, "", ""},
    {"{" WHO ",\"exp\":NaN}", false, "", ""},
    {"{" WHO EXP EXP "}", false, "", ""},
    /* nbf, iat */
    {"{" WHO EXP ",\"nbf\":1800000000,\"iat\":1799999000}", true, "", ""},
    {"{" WHO EXP ",\"nbf\":1800000060}", true, "", ""},
    {"{" WHO EXP ",\"nbf\":1800000060.001}", false, "", ""},
    {"{" WHO EXP ",\"nbf\":1800000061}", false, "", ""},
    {"{" WHO EXP ",\"iat\":1800000060}", true, "", ""},
    {"{" WHO EXP ",\"iat\":1800000061}", false, "", ""},
    {"{" WHO EXP ",\"nbf\":\"0\"}", false, "", ""},
    {"{" WHO EXP ",\"nbf\":null}", false, "", ""},
    {"{" WHO EXP ",\"iat\":1800000060}", true, "", ""},
    {"{" WHO EXP ",\"iat\":1800000061}", false, "", ""},
    {"{" WHO EXP ",\"iat\":-1e300}", true, "", ""},
    {"{" WHO EXP ",\"iat\":1e300}", false, "", ""},
    {"{" WHO EXP ",\"iat\":{}}", false, "", ""},
    /* iss */
    {"{" WHO EXP ",\"iss\":\"anyone\"}", true, "", ""},
    {"{" WHO EXP ",\"iss\":\"school\"}", true, "school", ""},
    {"{" WHO EXP ",\"iss\":\"School\"}", false, "school", ""},
    {"{" WHO EXP ",\"iss\":\"school\\u0020\"}", false, "school", ""},
    {"{" WHO EXP ",\"iss\":[\"school\"]}", false, "school", ""},
    {"{" WHO EXP "}", false, "school", ""},
    /* aud */
    {"{" WHO EXP ",\"aud\":\"engine\"}", false, "", ""},
    {"{" WHO EXP ",\"aud\":\"\"}", false, "", ""},
    {"{" WHO EXP ",\"aud\":[]}", false, "", ""},
    {"{" WHO EXP ",\"aud\":null}", false, "", ""},
    {"{" WHO EXP ",\"aud\":\"engine\"}", true, "", "engine"},
    {"{" WHO EXP ",\"aud\":[\"other\",\"engine\"]}", true, "", "engine"},
    {"{" WHO EXP ",\"aud\":[\"engine\",7]}", false, "", "engine"},
    {"{" WHO EXP ",\"aud\":[[\"engine\"]]}", false, "", "engine"},
    {"{" WHO EXP ",\"aud\":\"other\"}", false, "", "engine"},
    {"{" WHO EXP ",\"aud\":\"engine2\"}", false, "", "engine"},
    {"{" WHO EXP ",\"aud\":[]}", false, "", "engine"},
    {"{" WHO EXP ",\"aud\":{\"engine\":1}}", false, "", "engine"},
    {"{" WHO EXP ",\"aud\":null}", false, "", "engine"},
    {"{" WHO EXP "}", false, "", "engine"},
    /* the whole */
    {"{" WHO EXP ",\"more\":{\"deep\":[1,2,{}]}}", true, "", ""},
    {" \r\n{" WHO EXP "}\n", true, "", ""},
    {"[{" WHO EXP "}]", false, "", ""},
    {"null", false, "", ""},
    {"7", false, "", ""},
    {"\"" "student_001" "\"", false, "", ""},
    {"{}", false, "", ""},
    {"{" WHO EXP "} {}", false, "", ""},
    {"{" WHO EXP ",}", false, "", ""},
    {"{" WHO EXP ",\"x\":\"\xff\"}", false, "", ""},
    {"{" WHO EXP ",\"x\":\"\\ud800\"}", false, "", ""},
    {"\xef\xbb\xbf{" WHO EXP "}", false, "", ""},
    {"{" WHO EXP ",\"x\":99999999999999999999}", true, "", ""},
};
/* clang-format on */

static void claims_are_judged_one_by_one(void)
{
    for (size_t i = 0; i < COUNT(claims_cases); i++) {
        const struct claims_case *c = &claims_cases[i];
        struct config config = hs256_config(secret_1);
        config.jwt_issuer = c->issuer;
        config.jwt_audience = c->audience;
        struct tokens *tokens = tokens_of(&config);
        expect(accepts_forged(tokens, hs256(c->claims)) == c->accepted, c->claims);
        tokens_free(tokens);
    }
}

static void the_bearer_becomes_the_principal(void)
{
    struct config config = hs256_config(secret_1);
    struct tokens *tokens = tokens_of(&config);
    char *token = hs256("{\"sub\":\"teacher-7\",\"role\":\"teacher\",\"exp\":1800000600}");
    for (int times = 0; times < 2; times++) { /* verified, then remembered */
        struct principal who;
        struct problem p = {.code = PROBLEM_NONE};
        CU_ASSERT_TRUE_FATAL(tokens_verify(tokens, str_of(token), NOW_MS, &who, &p));
        CU_ASSERT_EQUAL(who.role, ROLE_TEACHER);
        CU_ASSERT_TRUE(str_equal(who.user, STR("teacher-7")));
        CU_ASSERT_STRING_EQUAL(who.user_id, "teacher-7");
    }
    free(token);
    tokens_free(tokens);
}

/* ---- headers and shapes ---- */

struct header_case {
    const char *header;
    bool accepted;
};

static const struct header_case header_cases[] = {
    {"{\"alg\":\"HS256\"}", true},
    {"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", true},
    {"{\"typ\":\"jwt\",\r\n \"alg\":\"HS256\"}", true},
    {"{\"alg\":\"HS256\",\"kid\":\"7\",\"cty\":\"x\"}", true},
    {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", true},
    {"{\"alg\":\"HS256\",\"typ\":\"dpop+jwt\"}", false},
    {"{\"alg\":\"HS256\",\"typ\":null}", false},
    {"{\"alg\":\"HS256\",\"typ\":7}", false},
    {"{\"alg\":\"HS256\",\"crit\":[]}", false},
    {"{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}", false},
    {"{\"alg\":\"HS256\",\"crit\":null}", false},
    {"{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}", false},
    {"{\"alg\":\"hs256\"}", false},
    {"{\"alg\":\"Hs256\"}", false},
    {"{\"alg\":\"HS256 \"}", false},
    {"{\"alg\":\"HS384\"}", false},
    {"{\"alg\":\"RS256\"}", false},
    {"{\"alg\":\"none\"}", false},
    {"{\"alg\":\"nonE\"}", false},
    {"{\"alg\":[\"HS256\"]}", false},
    {"{\"alg\":256}", false},
    {"{\"alg\":null}", false},
    {"{\"typ\":\"JWT\"}", false},
    {"{\"alg\":\"none\",\"alg\":\"HS256\"}", false},
    {"{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", false},
    {"{}", false},
    {"[\"HS256\"]", false},
    {"null", false},
    {"{\"alg\":\"HS256\"", false},
    {"{\"alg\":\"HS256\"}{}", false},
};

static void headers_are_judged_and_never_obeyed(void)
{
    struct config config = hs256_config(secret_1);
    struct tokens *tokens = tokens_of(&config);
    for (size_t i = 0; i < COUNT(header_cases); i++) {
        const struct header_case *c = &header_cases[i];
        char *token = forge_hmac(c->header, str_of(good_claims), EVP_sha256(), str_of(secret_1));
        expect(accepts_forged(tokens, token) == c->accepted, c->header);
        if (!c->accepted)
            CU_ASSERT_STRING_EQUAL(last.message, not_valid);
    }
    tokens_free(tokens);
}

static void longer_hashes_are_refused_though_the_key_fits(void)
{
    struct config config = hs256_config(secret_1);
    struct tokens *tokens = tokens_of(&config);
    struct str claims = str_of(good_claims), key = str_of(secret_1);
    expect(!accepts_forged(tokens, forge_hmac("{\"alg\":\"HS384\"}", claims, EVP_sha384(), key)),
           "HS384 is refused");
    expect(!accepts_forged(tokens, forge_hmac("{\"alg\":\"HS512\"}", claims, EVP_sha512(), key)),
           "HS512 is refused");
    expect(!accepts_forged(tokens, forge_hmac(header_hs256, claims, EVP_sha256(), STR(""))),
           "the empty key is refused");
    expect(
        !accepts_forged(tokens, forge_hmac(header_hs256, claims, EVP_sha256(), str_of(secret_2))),
        "another key is refused");
    tokens_free(tokens);
}

/* The sections as text; h, p and s stand for those of a valid token. */
/* clang-format off */
static const char *const bad_shapes[] = {
    "", ".", "..", "...", "h", "h.p", "h.p.", "h..s", ".p.s", "..s", "h..", ".p.", "h.p.s.",
    "h.p.s.s", ".h.p.s", "h.p.s=", "h.p=.s", "h=.p.s", "h.p.s ", " h.p.s", "h.p.s\n", "h.p.s+",
    "h.p.s/", "h.p. s", "h.p\n.s", "h.p.A", "h.p.AAAAA", "h.A.s", "A.p.s", "h.p.ss", "h.ps.s",
    "h.p.Zh", "h.p.Zm9vYh", "h.p.\xc3\xa9", "h:p:s", "p.h.s", "h.s.p",
};
/* clang-format on */

static char *fill_shape(const char *shape, const char *token)
{
    struct str rest = str_of(token), h = str_cut(&rest, '.'), p = str_cut(&rest, '.');
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    for (const char *c = shape; *c; c++)
        if (*c == 'h')
            fprintf(out, "%.*s", STR_ARG(h));
        else if (*c == 'p')
            fprintf(out, "%.*s", STR_ARG(p));
        else if (*c == 's')
            fprintf(out, "%.*s", STR_ARG(rest));
        else
            fputc(*c, out);
    fclose(out);
    return text;
}

static void odd_shapes_are_refused(void)
{
    struct config config = hs256_config(secret_1);
    struct tokens *tokens = tokens_of(&config);
    char *token = hs256(good_claims);
    expect(accepts_forged(tokens, fill_shape("h.p.s", token)), "the shape itself is right");
    for (size_t i = 0; i < COUNT(bad_shapes); i++) {
        expect(!accepts_forged(tokens, fill_shape(bad_shapes[i], token)), bad_shapes[i]);
        CU_ASSERT_STRING_EQUAL(last.message, not_valid);
    }
    /* bytes behind a NUL are part of the token */
    char with_nul[1024];
    int n = snprintf(with_nul, sizeof(with_nul), "%s%cx", token, 0);
    expect(!accepts_str(tokens, (struct str){with_nul, (size_t)n}, NOW_MS), "NUL is refused");
    free(token);
    tokens_free(tokens);
}

/* Makes a valid token of exactly n bytes; NULL if base64 cannot give that length (by n mod 4). */
static char *token_of_length(size_t n)
{
    char *claims = malloc(2 * TOKEN_MAX), *token = NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(claims);
    for (int pad = (int)n * 3 / 4 - 200; pad < (int)n; pad++) {
        snprintf(claims, 2 * TOKEN_MAX, "{%s%s,\"x\":\"%*s\"}", WHO, EXP, pad, "");
        token = hs256(claims);
        if (strlen(token) >= n)
            break;
        free(token);
    }
    free(claims);
    return token;
}

static void tokens_end_at_8_kib(void)
{
    struct config config = hs256_config(secret_1);
    struct tokens *tokens = tokens_of(&config);
    char *longest = token_of_length(TOKEN_MAX), *longer = token_of_length(TOKEN_MAX + 1);
    CU_ASSERT_EQUAL(strlen(longest), TOKEN_MAX);
    CU_ASSERT_EQUAL(strlen(longer), TOKEN_MAX + 1);
    expect(accepts(tokens, longest, NOW_MS), "8192 bytes are accepted");
    expect(!accepts(tokens, longer, NOW_MS), "8193 bytes are refused");
    free(longest);
    free(longer);
    tokens_free(tokens);
}

static void base64url_is_decoded_strictly(void)
{
    static const struct {
        const char *text, *bytes; /* NULL: refused */
        size_t n;
    } cases[] = {
        {"", "", 0},
        {"Zg", "f", 1},
        {"Zm8", "fo", 2},
        {"Zm9v", "foo", 3},
        {"Zm9vYg", "foob", 4},
        {"Zm9vYmE", "fooba", 5},
        {"Zm9vYmFy", "foobar", 6},
        {"A-z_4ME", "\x03\xec\xff\xe0\xc1", 5},
        {"AA", "\0", 1},
        {"Zh", NULL, 0},
        {"Zm9", NULL, 0},
        {"Z", NULL, 0},
        {"Zm9vY", NULL, 0},
        {"Zg==", NULL, 0},
        {"Zm8=", NULL, 0},
        {"A+z/", NULL, 0},
        {"Zm 9v", NULL, 0},
        {"Zm9v\n", NULL, 0},
        {"Zm9v.", NULL, 0},
        {"A", NULL, 0},
        {"Zm9vA", NULL, 0},
        {"\xc1\xc2\xc3\xc4", NULL, 0},
    };
    struct arena *arena = arena_new(4096, 4096);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct str got = base64url_decode(str_of(cases[i].text), arena);
        expect((got.p != NULL) == (cases[i].bytes != NULL), cases[i].text);
        if (got.p && cases[i].bytes)
            expect(str_equal(got, (struct str){cases[i].bytes, cases[i].n}), cases[i].text);
    }
    arena_free(arena);
}

static void no_bit_of_a_token_may_differ(void)
{
    struct config config = hs256_config(secret_1);
    struct tokens *tokens = tokens_of(&config);
    char *token = hs256(good_claims);
    size_t n = strlen(token);
    expect(accepts(tokens, token, NOW_MS), "the token itself is accepted");
    for (size_t bit = 0; bit < 8 * n; bit++) {
        token[bit / 8] = (char)(token[bit / 8] ^ 1 << bit % 8);
        expect(!accepts_str(tokens, (struct str){token, n}, NOW_MS), "a changed bit is refused");
        CU_ASSERT_STRING_EQUAL(last.message, not_valid);
        token[bit / 8] = (char)(token[bit / 8] ^ 1 << bit % 8);
    }
    free(token);
    tokens_free(tokens);
}

/* ---- memory ---- */

/* Changes the required issuer after the token was verified: from then on only the cache can accept
 * the token. */
static void tokens_are_remembered_for_a_minute(void)
{
    char error[200];
    struct config config = hs256_config(secret_1);
    struct tokens *tokens = tokens_of(&config);
    char *token = hs256(good_claims);
    expect(accepts(tokens, token, NOW_MS), "verified");
    config.jwt_issuer = "school";
    expect(accepts(tokens, token, NOW_MS + 59999), "remembered for a minute");
    expect(!accepts(tokens, token, NOW_MS + 60000), "and no longer");
    expect(!accepts(tokens, token, NOW_MS - 1), "nor when the clock is set back");
    CU_ASSERT_TRUE(tokens_reload(tokens, 0, error));
    expect(accepts(tokens, token, NOW_MS + 1), "the same keys again keep the memory");
    free(token);
    tokens_free(tokens);
}

static void memory_never_outlives_exp(void)
{
    struct config config = hs256_config(secret_1);
    struct tokens *tokens = tokens_of(&config);
    char *token = hs256("{" WHO ",\"exp\":1800000010.5}");
    expect(accepts(tokens, token, NOW_MS), "verified");
    expect(accepts(tokens, token, NOW_MS + 10499), "until exp");
    expect(!accepts(tokens, token, NOW_MS + 10500), "not at exp");
    CU_ASSERT_STRING_EQUAL(last.message, "The token has expired (exp)");
    free(token);
    tokens_free(tokens);
}

static bool finds(const struct token_cache *memory, unsigned char last_byte, uint64_t generation)
{
    struct principal who;
    unsigned char digest[DIGEST_SIZE] = {1, 2};
    digest[DIGEST_SIZE - 1] = last_byte;
    return token_cache_find(memory, digest, generation, NOW_MS, &who);
}

static void a_full_set_forgets_what_expires_first(void)
{
    struct token_cache *memory = token_cache_new();
    struct principal who;
    unsigned char digest[DIGEST_SIZE] = {1, 2};
    principal_set(&who, ROLE_ADMIN, STR("admin_1"));
    for (unsigned char i = 1; i <= 5; i++) { /* one set: only the last byte differs */
        digest[DIGEST_SIZE - 1] = i;
        token_cache_add(memory, digest, 1, NOW_MS, NOW_MS + (i == 3 ? 1000 : 9000), &who);
    }
    for (unsigned char i = 1; i <= 5; i++)
        expect(finds(memory, i, 1) == (i != 3), "the third made room");
    expect(!finds(memory, 6, 1), "the whole digest counts");
    expect(!finds(memory, 1, 2), "the generation counts");
    digest[DIGEST_SIZE - 1] = 9;
    token_cache_add(memory, digest, 2, NOW_MS, NOW_MS + 1, &who);
    expect(finds(memory, 9, 2), "another generation's entries make room");
    token_cache_free(memory);
}

/* ---- the Authorization header ---- */

struct header_line {
    const char *before, *after; /* around a good token; NULL after: without the token */
    bool accepted, has_credentials;
};

/* clang-format off */
static const struct header_line header_lines[] = {
    {"Bearer ", "", true, true},
    {"bearer ", "", true, true},
    {"BEARER ", "", true, true},
    {"Bearer    ", "", true, true},
    {" Bearer ", " ", true, true},
    {"", NULL, false, false},
    {" \t ", NULL, false, false},
    {"Basic ", "", false, false},
    {"Basic YTpi", NULL, false, false},
    {"", "", false, false},
    {"Bearers ", "", false, false},
    {"Digest a=b", NULL, false, false},
    {"Bearer", NULL, false, true},
    {"Bearer ", NULL, false, true},
    {"Bearer\t", "", false, true},
    {"Bearer=", "", false, true},
    {"Bearer,", "", false, true},
    {"Bearer ", " x", false, true},
    {"Bearer ", ",x", false, true},
    {"Bearer Bearer ", "", false, true},
    {"Bearer \"", "\"", false, true},
    {"Bearer x", NULL, false, true},
    {"Bearer ", ", Basic x", false, true},
};
/* clang-format on */

static void header_lines_are_told_apart(void)
{
    struct config config = hs256_config(secret_1);
    struct tokens *tokens = tokens_of(&config);
    char *token = hs256(good_claims), line[1024];
    for (size_t i = 0; i < COUNT(header_lines); i++) {
        const struct header_line *c = &header_lines[i];
        struct principal who = {.role = ROLES};
        last = (struct problem){.code = PROBLEM_NONE};
        snprintf(line, sizeof(line), "%s%s%s", c->before, c->after ? token : "",
                 c->after ? c->after : "");
        bool accepted = tokens_verify_header(tokens, str_of(line), NOW_MS, &who, &last);
        expect(accepted == c->accepted, line);
        expect(accepted || last.has_credentials == c->has_credentials, line);
        CU_ASSERT_EQUAL(last.code, accepted ? PROBLEM_NONE : PROBLEM_AUTH_ERROR);
        CU_ASSERT_EQUAL(who.role, accepted ? ROLE_STUDENT : ROLES);
    }
    CU_ASSERT_FALSE(
        tokens_verify_header(tokens, (struct str){0}, NOW_MS, &(struct principal){0}, &last));
    free(token);
    tokens_free(tokens);
}

/* ---- tokens of our own ---- */

static char made_error[200];

static void made_tokens_are_accepted(void)
{
    char secrets[200];
    snprintf(secrets, sizeof(secrets), "%s\n%s", secret_1, secret_2);
    struct config config = hs256_config(secrets), plain = hs256_config(secret_1);
    config.jwt_issuer = "a \"quoted\" issuer\\";
    config.jwt_audience = "engine";
    struct tokens *tokens = tokens_of(&config), *other = tokens_of(&plain);
    char *token = token_make(&config, "student_001", ROLE_TEACHER, NOW_S, NOW_S + 60, made_error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(token);
    expect(accepts(tokens, token, NOW_MS), "where it was made");
    expect(!accepts(other, token, NOW_MS), "not where it is not meant for");
    CU_ASSERT_STRING_EQUAL(last.message, "The token is for another audience (aud)");
    expect(!accepts(tokens, token, NOW_MS + 60000), "not at its end");
    free(token);
    tokens_free(tokens);
    tokens_free(other);
}

static void only_people_get_tokens(void)
{
    struct config config = hs256_config(secret_1), no_key = hs256_config("");
    struct config rs256 = hs256_config(secret_1);
    rs256.jwt_algorithm = "RS256";
    CU_ASSERT_PTR_NULL(
        token_make(&config, "student_001", ROLE_SERVICE, NOW_S, NOW_S + 60, made_error));
    CU_ASSERT_PTR_NULL(
        token_make(&config, "student_001", ROLE_NONE, NOW_S, NOW_S + 60, made_error));
    CU_ASSERT_PTR_NULL(token_make(&config, "", ROLE_ADMIN, NOW_S, NOW_S + 60, made_error));
    CU_ASSERT_PTR_NULL(token_make(&config, "a b", ROLE_ADMIN, NOW_S, NOW_S + 60, made_error));
    CU_ASSERT_PTR_NULL(
        token_make(&no_key, "student_001", ROLE_ADMIN, NOW_S, NOW_S + 60, made_error));
    CU_ASSERT_PTR_NULL(
        token_make(&rs256, "student_001", ROLE_ADMIN, NOW_S, NOW_S + 60, made_error));
}

/* clang-format off */
static const struct {
    const char *name;
    void (*test)(void);
} tests[] = {
    {"claims are judged one by one", claims_are_judged_one_by_one},
    {"the bearer becomes the principal", the_bearer_becomes_the_principal},
    {"headers are judged and never obeyed", headers_are_judged_and_never_obeyed},
    {"longer hashes are refused though the key fits", longer_hashes_are_refused_though_the_key_fits},
    {"odd shapes are refused", odd_shapes_are_refused},
    {"tokens end at 8 KiB", tokens_end_at_8_kib},
    {"base64url is decoded strictly", base64url_is_decoded_strictly},
    {"no bit of a token may differ", no_bit_of_a_token_may_differ},
    {"tokens are remembered for a minute", tokens_are_remembered_for_a_minute},
    {"memory never outlives exp", memory_never_outlives_exp},
    {"a full set forgets what expires first", a_full_set_forgets_what_expires_first},
    {"header lines are told apart", header_lines_are_told_apart},
    {"made tokens are accepted", made_tokens_are_accepted},
    {"only people get tokens", only_people_get_tokens},
};
/* clang-format on */

void token_tests(void)
{
    CU_pSuite suite = CU_add_suite("token", NULL, NULL);
    for (size_t i = 0; i < COUNT(tests); i++)
        CU_add_test(suite, tests[i].name, tests[i].test);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/auth/token_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <CUnit/CUnit.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "app/auth/jws.h"
#include "app/base/base64.h"
#include "tests/unit/token_fixture.h"

void token_keys_tests(void);

/* ---- RFC 7515, appendix A ---- */

#define RFC_PAYLOAD                                                                                \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"

static const char rfc_a1[] = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." RFC_PAYLOAD
                             ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
static const char rfc_a1_key[] =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

static const char rfc_a2[] =
    "eyJhbGciOiJSUzI1NiJ9." RFC_PAYLOAD
    ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
    "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L"
    "07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUi"
    "pUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
static const char rfc_a2_n[] =
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-"
    "4qPCJrcS2mJPMEzP1Pt0Bm4d4Q"
    "lL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-"
    "bSf63kpaSHSXndS5z5rexMdbBY"
    "UsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-"
    "DWNm"
    "oudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

static const char rfc_a3[] =
    "eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
static const char rfc_a3_x[] = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
static const char rfc_a3_y[] = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

/* ---- RFC 8037, appendix A ---- */

static const char rfc_8037[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
                               "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhV"
                               "sPt9g7sVvpAr_MuM0KAg";
static const char rfc_8037_x[] = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

static struct arena *vectors; /* decoded parts of the vectors */

static struct str decoded(const char *text)
{
    struct str bytes = base64url_decode(str_of(text), vectors);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes.p);
    return bytes;
}

static EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *build)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    CU_ASSERT_EQUAL_FATAL(EVP_PKEY_fromdata_init(context), 1);
    CU_ASSERT_EQUAL_FATAL(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *rfc_rsa_key(void)
{
    struct str n = decoded(rfc_a2_n);
    BIGNUM *modulus = BN_bin2bn((const unsigned char *)n.p, (int)n.n, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus);
    OSSL_PARAM_BLD_push_ulong(build, OSSL_PKEY_PARAM_RSA_E, 65537);
    EVP_PKEY *key = key_from("RSA", build);
    BN_free(modulus);
    return key;
}

static EVP_PKEY *rfc_ec_key(void)
{
    unsigned char point[65] = {POINT_CONVERSION_UNCOMPRESSED};
    memcpy(point + 1, decoded(rfc_a3_x).p, 32);
    memcpy(point + 33, decoded(rfc_a3_y).p, 32);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
    return key_from("EC", build);
}

static bool verifies(const char *token, const char *algorithm, const struct token_key *key)
{
    const char *dot = strrchr(token, '.');
    struct str signed_part = {token, (size_t)(dot - token)}, signature = decoded(dot + 1);
    return jws_verify(signed_part, signature, algorithm, key);
}

/* Checks that jws_verify accepts the token, but no other token or algorithm. */
static void check_signature(const char *token, const char *algorithm, const struct token_key *key)
{
    struct token_key none = {.n = 0};
    CU_ASSERT_TRUE(verifies(token, algorithm, key));
    CU_ASSERT_FALSE(verifies(token, algorithm, &none));
    CU_ASSERT_FALSE(verifies(token, "none", key));
    CU_ASSERT_FALSE(verifies(token, "", key));
    const char *const all[][2] = {
        {"HS256", rfc_a1}, {"RS256", rfc_a2}, {"ES256", rfc_a3}, {"EdDSA", rfc_8037}};
    for (size_t i = 0; i < COUNT(all); i++) {
        bool same = strcmp(all[i][0], algorithm) == 0;
        CU_ASSERT_EQUAL(verifies(token, all[i][0], key), same);
        CU_ASSERT_EQUAL(verifies(all[i][1], algorithm, key), same);
    }
    CU_ASSERT_FALSE(verifies(token, "PS256", key));
}

static void signatures_of_the_rfcs_are_good(void)
{
    vectors = arena_new(4096, 65536);
    struct str secret = decoded(rfc_a1_key), ed25519 = decoded(rfc_8037_x);
    struct token_key hs256 = {(unsigned char *)(uintptr_t)secret.p, secret.n, NULL, NULL};
    struct token_key rs256 = {.public_key = rfc_rsa_key()}, es256 = {.public_key = rfc_ec_key()};
    struct token_key eddsa = {
        .public_key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
                                                  (const unsigned char *)ed25519.p, ed25519.n)};
    check_signature(rfc_a1, "HS256", &hs256);
    check_signature(rfc_a2, "RS256", &rs256);
    check_signature(rfc_a3, "ES256", &es256);
    check_signature(rfc_8037, "EdDSA", &eddsa);
    EVP_PKEY_free(rs256.public_key);
    EVP_PKEY_free(es256.public_key);
    EVP_PKEY_free(eddsa.public_key);
    arena_free(vectors);
}

static void tokens_of_rfc_7515_are_refused_for_their_claims(void)
{
    vectors = arena_new(4096, 65536);
    struct config config = hs256_config(decoded(rfc_a1_key).p);
    struct tokens *tokens = tokens_of(&config);
    char changed[sizeof(rfc_a1)];
    memcpy(changed, rfc_a1, sizeof(rfc_a1));
    changed[sizeof(rfc_a1) - 2] = 'l'; /* only unused bits differ */
    CU_ASSERT_FALSE(accepts(tokens, rfc_a1, INT64_C(1300819379000)));
    CU_ASSERT_STRING_EQUAL(last.message, "The token names no user (sub)");
    CU_ASSERT_FALSE(accepts(tokens, changed, INT64_C(1300819379000)));
    CU_ASSERT_STRING_EQUAL(last.message, not_valid);
    CU_ASSERT_FALSE(accepts(tokens, "eyJhbGciOiJub25lIn0." RFC_PAYLOAD ".", NOW_MS));
    CU_ASSERT_STRING_EQUAL(last.message, not_valid);
    tokens_free(tokens);
    arena_free(vectors);
}

/* ---- key files ---- */

static char key_path[] = "/tmp/test_token_keys_XXXXXX";

static int make_key_file(void)
{
    int fd = mkstemp(key_path);
    if (fd >= 0)
        close(fd);
    return fd >= 0 ? 0 : 1;
}

static int remove_key_file(void)
{
    return unlink(key_path);
}

static void write_keys(const char *first, const char *second)
{
    FILE *out = fopen(key_path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fprintf(out, "%s%s", first, second);
    fclose(out);
}

static struct config pem_config(const char *algorithm)
{
    struct config config = hs256_config("");
    config.jwt_algorithm = algorithm;
    config.jwt_public_key_file = key_path;
    return config;
}

/* Frees pem. */
static void write_pem(char *pem)
{
    write_keys(pem, "");
    free(pem);
}

static void every_bit_counts(struct tokens *tokens, char *token)
{
    expect(accepts(tokens, token, NOW_MS), "the token itself is accepted");
    for (size_t i = 0; token[i]; i++) {
        char kept = token[i];
        token[i] = (char)(kept ^ 1 << i % 7);
        expect(!accepts(tokens, token, NOW_MS), "a changed bit is refused");
        token[i] = kept;
    }
}

static void rs256_takes_its_key_and_nothing_else(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048), *other = EVP_RSA_gen(2048);
    struct str claims = str_of(good_claims);
    char *pem = forge_public_pem(key), *token = NULL;
    write_keys(pem, "");
    struct config config = pem_config("RS256");
    struct tokens *tokens = tokens_of(&config);
    token = forge_pkey("{\"alg\":\"RS256\"}", claims, EVP_sha256(), key);
    every_bit_counts(tokens, token);
    expect(!accepts_forged(tokens, forge_pkey("{\"alg\":\"RS256\"}", claims, EVP_sha256(), other)),
           "another key is refused");
    expect(!accepts_forged(tokens, forge_pkey("{\"alg\":\"RS512\"}", claims, EVP_sha512(), key)),
           "RS512 is refused");
    expect(!accepts_forged(tokens, forge_pkey("{\"alg\":\"RS384\"}", claims, EVP_sha384(), key)),
           "RS384 is refused");
    expect(!accepts_forged(tokens, forge_hmac(header_hs256, claims, EVP_sha256(), str_of(pem))),
           "the public key as secret is refused");
    expect(!accepts_forged(tokens,
                           forge_hmac("{\"alg\":\"RS256\"}", claims, EVP_sha256(), str_of(pem))),
           "a MAC in the place of a signature is refused");
    free(token);
    free(pem);
    tokens_free(tokens);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void es256_takes_its_key_and_nothing_else(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    struct str claims = str_of(good_claims);
    char *pem = forge_public_pem(key);
    write_keys(pem, "");
    struct config config = pem_config("ES256");
    struct tokens *tokens = tokens_of(&config);
    char *token = forge_pkey("{\"alg\":\"ES256\"}", claims, EVP_sha256(), key);
    every_bit_counts(tokens, token);
    expect(!accepts_forged(tokens, forge_pkey("{\"alg\":\"ES256\"}", claims, EVP_sha256(), other)),
           "another key is refused");
    expect(!accepts_forged(tokens, forge_pkey("{\"alg\":\"ES512\"}", claims, EVP_sha512(), key)),
           "ES512 is refused");
    expect(!accepts_forged(tokens, forge_hmac(header_hs256, claims, EVP_sha256(), str_of(pem))),
           "the public key as secret is refused");
    /* r = s = 0: what CVE-2022-21449 let through elsewhere */
    char *zero = forge_base64url((const char[64]){0}, 64), *forged;
    token[strlen(token) - strlen(zero)] = '\0';
    CU_ASSERT_TRUE_FATAL(asprintf(&forged, "%s%s", token, zero) > 0);
    expect(!accepts_forged(tokens, forged), "the signature of zeros is refused");
    free(zero);
    free(token);
    free(pem);
    tokens_free(tokens);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void expect_no_keys(const struct config *config, const char *part_of_error)
{
    char error[200] = "";
    struct tokens *tokens = tokens_new(config, error);
    if (!strstr(error, part_of_error))
        fprintf(stderr, "\n    \"%s\" lacks \"%s\"\n", error, part_of_error);
    CU_ASSERT_PTR_NULL(tokens);
    CU_ASSERT_PTR_NOT_NULL(strstr(error, part_of_error));
    CU_ASSERT_PTR_NULL(strstr(error, "secret-text"));
    tokens_free(tokens);
}

static void weak_and_odd_secrets_stop_the_start(void)
{
    static const struct {
        const char *secrets, *error;
    } cases[] = {
        {NULL, "JWT_SECRET: not set"},
        {"", "JWT_SECRET: not set"},
        {" \n\t\r\n \n", "JWT_SECRET: not set"},
        {"secret-text-of-thirty-one-bytes", "line 1 has 31 bytes, not 32"},
        {"   secret-text-of-thirty-one-bytes   ", "line 1 has 31 bytes, not 32"},
        {"the first secret of thirty-two b\n\nsecret-text", "line 3 has 11 bytes"},
        {"-----BEGIN PUBLIC KEY-----\n"
         "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj\n"
         "-----END PUBLIC KEY-----\n",
         "PEM"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config config = hs256_config(cases[i].secrets);
        expect_no_keys(&config, cases[i].error);
    }
}

static void more_secrets_than_there_may_be_stop_the_start(void)
{
    char secrets[(TOKEN_KEYS_MAX + 1) * 40] = "";
    for (size_t i = 0; i <= TOKEN_KEYS_MAX; i++)
        (void)snprintf(secrets + strlen(secrets), 40, "%032zu\n", i);
    struct config config = hs256_config(secrets);
    expect_no_keys(&config, "JWT_SECRET: more than 64 keys");
    secrets[TOKEN_KEYS_MAX * 33] = '\0';
    tokens_free(tokens_of(&config));
}

static void four_secrets_verify(void)
{
    struct config config = hs256_config("0123456789abcdef0123456789abcdef\r\n"
                                        "\n  1123456789abcdef0123456789abcdef \n"
                                        "2123456789abcdef0123456789abcdef\n"
                                        "3123456789abcdef0123456789abcdef");
    struct tokens *tokens = tokens_of(&config);
    char secret[] = "x123456789abcdef0123456789abcdef";
    for (char first = '0'; first <= '4'; first++) {
        secret[0] = first;
        char *token = forge_hmac(header_hs256, str_of(good_claims), EVP_sha256(), str_of(secret));
        expect(accepts_forged(tokens, token) == (first < '4'), secret);
    }
    tokens_free(tokens);
}

static void public_key_files_are_checked(void)
{
    EVP_PKEY *weak = EVP_RSA_gen(1024), *p384 = EVP_EC_gen("P-384"), *p256 = EVP_EC_gen("P-256");
    struct config rs256 = pem_config("RS256"), es256 = pem_config("ES256");
    write_pem(forge_public_pem(weak));
    expect_no_keys(&rs256, "below 2048 bits");
    expect_no_keys(&es256, "not a key on P-256");
    write_pem(forge_public_pem(p384));
    expect_no_keys(&es256, "not a key on P-256");
    write_pem(forge_public_pem(p256));
    expect_no_keys(&rs256, "not an RSA key");
    write_keys("", "");
    expect_no_keys(&rs256, "JWT_PUBLIC_KEY_FILE: cannot read");
    write_keys("hello\n", "");
    expect_no_keys(&rs256, "holds no public key for RS256");
    write_keys("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "");
    expect_no_keys(&rs256, "key 1 is damaged");
    char *pem = forge_public_pem(p256);
    write_keys(pem, "-----BEGIN PUBLIC KEY-----\nMFkw\n");
    expect_no_keys(&es256, "key 2 is damaged");
    free(pem);
    unlink(key_path);
    expect_no_keys(&rs256, "cannot read");
    rs256.jwt_public_key_file = "";
    expect_no_keys(&rs256, "not set");
    EVP_PKEY_free(weak);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(p256);
}

static void private_keys_are_not_taken_for_public_ones(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct config config = pem_config("ES256");
    FILE *out = fopen(key_path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    PEM_write_PUBKEY(out, key);
    PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
    fclose(out);
    expect_no_keys(&config, "PRIVATE KEY; only PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE");
    EVP_PKEY_free(key);
}

static void several_public_keys_verify(void)
{
    EVP_PKEY *first = EVP_EC_gen("P-256"), *second = EVP_EC_gen("P-256");
    char *a = forge_public_pem(first), *b = forge_public_pem(second);
    write_keys(a, b);
    struct config config = pem_config("ES256");
    struct tokens *tokens = tokens_of(&config);
    struct str claims = str_of(good_claims);
    expect(accepts_forged(tokens, forge_pkey("{\"alg\":\"ES256\"}", claims, EVP_sha256(), first)),
           "the first key");
    expect(accepts_forged(tokens, forge_pkey("{\"alg\":\"ES256\"}", claims, EVP_sha256(), second)),
           "the second key");
    tokens_free(tokens);
    free(a);
    free(b);
    EVP_PKEY_free(first);
    EVP_PKEY_free(second);
}

/* ---- reload ---- */

/* Puts two texts, one after the other, into the configuration, as if it had read its file again. */
static void set_secrets(struct config *config, const char *first, const char *second)
{
    static char text[200];

    (void)snprintf(text, sizeof(text), "%s%s", first, second);
    config->jwt_secret = text;
}

static void rotation_ends_the_old_secret_at_once(void)
{
    char error[200] = "";
    struct config config = hs256_config(secret_1);
    struct tokens *tokens = tokens_of(&config);
    char *old = hs256(good_claims);
    char *new = forge_hmac(header_hs256, str_of(good_claims), EVP_sha256(), str_of(secret_2));
    expect(accepts(tokens, old, NOW_MS) && !accepts(tokens, new, NOW_MS), "before");
    set_secrets(&config, "another secret, a little longer than that\n", secret_1);
    CU_ASSERT_TRUE(tokens_reload(tokens, 0, error));
    expect(accepts(tokens, old, NOW_MS) && accepts(tokens, new, NOW_MS), "both during rotation");
    set_secrets(&config, secret_2, "\n");
    CU_ASSERT_TRUE(tokens_reload(tokens, 0, error));
    expect(!accepts(tokens, old, NOW_MS), "the old is refused though it was remembered");
    expect(accepts(tokens, new, NOW_MS), "the new is accepted");
    free(old);
    free(new);
    tokens_free(tokens);
}

/* secret_1 is removed at 0 s, added again, and removed again at 20 s; its grace time is 10 s. */
static void a_retired_secret_verifies_for_its_grace(void)
{
    enum { SECOND = 1000000 };
    char error[200] = "";
    struct config config = hs256_config(secret_1);
    config.key_grace_s = 10;
    struct tokens *tokens = tokens_of(&config);
    char *old = hs256(good_claims);
    set_secrets(&config, secret_2, "");
    CU_ASSERT_TRUE(tokens_reload(tokens, 0, error));
    tokens_expire_keys(tokens, 10 * SECOND - 1);
    expect(accepts(tokens, old, NOW_MS), "within the grace");
    expect(accepts(tokens, old, NOW_MS), "and remembered");
    tokens_expire_keys(tokens, 10 * SECOND);
    expect(!accepts(tokens, old, NOW_MS), "behind it, though it was remembered");
    set_secrets(&config, "another secret, a little longer than that\n", secret_1);
    CU_ASSERT_TRUE(tokens_reload(tokens, 15 * SECOND, error));
    expect(accepts(tokens, old, NOW_MS), "it has come back");
    set_secrets(&config, secret_2, "");
    CU_ASSERT_TRUE(tokens_reload(tokens, 20 * SECOND, error));
    CU_ASSERT_TRUE(tokens_reload(tokens, 25 * SECOND, error));
    tokens_expire_keys(tokens, 30 * SECOND - 1);
    expect(accepts(tokens, old, NOW_MS), "its grace has begun anew");
    tokens_expire_keys(tokens, 30 * SECOND);
    expect(!accepts(tokens, old, NOW_MS), "looking again does not prolong it");
    free(old);
    tokens_free(tokens);
}

/* More rotations within the grace time than retired keys fit: the oldest is dropped early. */
static void of_many_retired_secrets_the_latest_verify(void)
{
    char error[200] = "", secret[] = "a secret with a number in it: ...0";
    struct config config = hs256_config(secret);
    config.key_grace_s = 10;
    struct tokens *tokens = tokens_of(&config);
    char *made[TOKEN_KEYS_MAX + 2];
    for (size_t i = 0; i < COUNT(made); i++) {
        (void)snprintf(secret, sizeof(secret), "a secret with a number in it: %4zu", i);
        made[i] = forge_hmac(header_hs256, str_of(good_claims), EVP_sha256(), str_of(secret));
        set_secrets(&config, secret, "");
        CU_ASSERT_TRUE(tokens_reload(tokens, (int64_t)i, error));
    }
    for (size_t i = 0; i < COUNT(made); i++) {
        CU_ASSERT_EQUAL(accepts(tokens, made[i], NOW_MS), i > 0);
        free(made[i]);
    }
    tokens_free(tokens);
}

static void bad_secrets_keep_the_old_keys(void)
{
    static const char *const bad[] = {"", "\n\n", "short", "the first secret of thirty-two b\nx"};
    struct config config = hs256_config(secret_1);
    struct tokens *tokens = tokens_of(&config);
    for (size_t i = 0; i < COUNT(bad); i++) {
        char error[200] = "";
        set_secrets(&config, bad[i], "");
        expect(!tokens_reload(tokens, 0, error), bad[i]);
        CU_ASSERT_PTR_NOT_NULL(strstr(error, "JWT_SECRET"));
        expect(accepts_forged(tokens, hs256(good_claims)), "old keys are kept");
    }
    tokens_free(tokens);
}

static void secrets_of_the_environment_stay(void)
{
    char error[200] = "";
    struct config config = hs256_config(secret_1);
    struct tokens *tokens = tokens_of(&config);
    CU_ASSERT_TRUE(tokens_reload(tokens, 0, error));
    expect(accepts_forged(tokens, hs256(good_claims)), "still accepted");
    tokens_free(tokens);
}

static void public_keys_are_reloaded(void)
{
    char error[200] = "";
    EVP_PKEY *first = EVP_EC_gen("P-256"), *second = EVP_EC_gen("P-256");
    struct config config = pem_config("ES256");
    write_pem(forge_public_pem(first));
    struct tokens *tokens = tokens_of(&config);
    char *old = forge_pkey("{\"alg\":\"ES256\"}", str_of(good_claims), EVP_sha256(), first);
    expect(accepts(tokens, old, NOW_MS), "before");
    write_keys("", "");
    CU_ASSERT_FALSE(tokens_reload(tokens, 0, error));
    expect(accepts(tokens, old, NOW_MS), "an empty file changes nothing");
    write_pem(forge_public_pem(second));
    CU_ASSERT_TRUE(tokens_reload(tokens, 0, error));
    expect(!accepts(tokens, old, NOW_MS), "the old key is gone");
    free(old);
    tokens_free(tokens);
    EVP_PKEY_free(first);
    EVP_PKEY_free(second);
}

/* clang-format off */
static const struct {
    const char *name;
    void (*test)(void);
} tests[] = {
    {"signatures of the RFCs are good", signatures_of_the_rfcs_are_good},
    {"tokens of RFC 7515 are refused for their claims", tokens_of_rfc_7515_are_refused_for_their_claims},
    {"RS256 takes its key and nothing else", rs256_takes_its_key_and_nothing_else},
    {"ES256 takes its key and nothing else", es256_takes_its_key_and_nothing_else},
    {"weak and odd secrets stop the start", weak_and_odd_secrets_stop_the_start},
    {"more secrets than there may be stop the start", more_secrets_than_there_may_be_stop_the_start},
    {"four secrets verify", four_secrets_verify},
    {"public key files are checked", public_key_files_are_checked},
    {"private keys are not taken for public ones", private_keys_are_not_taken_for_public_ones},
    {"several public keys verify", several_public_keys_verify},
    {"rotation ends the old secret at once", rotation_ends_the_old_secret_at_once},
    {"a retired secret verifies for its grace", a_retired_secret_verifies_for_its_grace},
    {"of many retired secrets the latest verify", of_many_retired_secrets_the_latest_verify},
    {"bad secrets keep the old keys", bad_secrets_keep_the_old_keys},
    {"secrets of the environment stay", secrets_of_the_environment_stay},
    {"public keys are reloaded", public_keys_are_reloaded},
};
/* clang-format on */

void token_keys_tests(void)
{
    CU_pSuite suite = CU_add_suite("token_keys", make_key_file, remove_key_file);
    for (size_t i = 0; i < COUNT(tests); i++)
        CU_add_test(suite, tests[i].name, tests[i].test);
}

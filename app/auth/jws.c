/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The signature algorithms of RFC 7518, section 3, and RFC 8037, as calls of OpenSSL. */
#include "app/auth/jws.h"

#include <limits.h>

#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "app/base/buf.h"
#include "app/base/digest.h"

/* ES256_HALF: bytes of r and of s, the two numbers of an ES256 signature. SIGNATURE_MAX: bytes of
 * the largest signature, which an RSA key of 16384 bits makes. SIGN_FIRST, SIGN_CAP: first and
 * greatest size of the memory for signing. */
enum { ES256_HALF = 32, SIGNATURE_MAX = 2048, SIGN_FIRST = 16 << 10, SIGN_CAP = 256 << 10 };

/* The algorithms with public keys. */
static const struct jws_algorithm {
    const char *name;
    const char *other_type; /* error text for a key of another type */
    int key_type;           /* OpenSSL's number for the type of key */
    bool is_pss;            /* RSA signatures with the padding PSS */
    bool has_digest;        /* SHA-256 of the signed part is signed; else the signed part itself */
} algorithms[] = {
    {"RS256", "not an RSA key, as RS256 needs", EVP_PKEY_RSA, false, true},
    {"PS256", "not an RSA key, as PS256 needs", EVP_PKEY_RSA, true, true},
    {"ES256", "not a key on P-256, as ES256 needs", EVP_PKEY_EC, false, true},
    {"EdDSA", "not a key on Ed25519, as EdDSA needs", EVP_PKEY_ED25519, false, false},
};

/* Returns the row of the algorithm; NULL for HS256, which has no public key, and for an unknown
 * name. */
static const struct jws_algorithm *algorithm_of(const char *name)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
        if (strcmp(algorithms[i].name, name) == 0)
            return &algorithms[i];
    return NULL;
}

/* RSA_BITS_MIN is the smallest key that RFC 7518, section 3.3, allows. prime256v1 is OpenSSL's name
 * of the curve P-256. */
const char *jws_key_error(const EVP_PKEY *key, const char *algorithm)
{
    const struct jws_algorithm *a = algorithm_of(algorithm);
    char curve[32] = "";
    if (!a)
        return "not for this algorithm";
    if (EVP_PKEY_get_base_id(key) != a->key_type)
        return a->other_type;
    if (a->key_type == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) < RSA_BITS_MIN)
        return "an RSA key below 2048 bits";
    if (a->key_type == EVP_PKEY_EC &&
        (EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) != 1 ||
         strcmp(curve, "prime256v1") != 0))
        return a->other_type;
    return NULL;
}

/* Returns whether the signature is the HMAC-SHA-256 of the signed part, compared in constant time.
 */
static bool hmac_verify(struct str signed_part, struct str signature, const struct token_key *key)
{
    unsigned char mac[DIGEST_SIZE];
    /* An empty secret would let everybody sign. */
    if (key->n == 0 || signature.n != sizeof(mac))
        return false;
    digest_hmac((struct str){(const char *)key->p, key->n}, signed_part, mac);
    return CRYPTO_memcmp(mac, signature.p, sizeof(mac)) == 0;
}

/* Converts an ES256 signature, the numbers r and s of 32 bytes each (RFC 7518, section 3.4), to the
 * DER form that OpenSSL reads. After a successful ECDSA_SIG_set0 the two numbers belong to the
 * ECDSA_SIG; otherwise they are freed here. Returns the length of *ret_der, which the caller frees
 * with OPENSSL_free; 0 or less on failure. */
static int ecdsa_to_der(struct str signature, unsigned char **ret_der)
{
    const unsigned char *bytes = (const unsigned char *)signature.p;
    if (signature.n != (size_t)2 * ES256_HALF)
        return 0;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes, ES256_HALF, NULL);
    BIGNUM *s = BN_bin2bn(bytes + ES256_HALF, ES256_HALF, NULL);
    int n = 0;
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
        n = i2d_ECDSA_SIG(pair, ret_der);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(pair);
    return n;
}

/* Verifies a signature by OpenSSL. signature: n bytes in the form that OpenSSL reads. The salt of
 * PSS must be as long as the digest (RFC 7518, section 3.5). */
static bool public_verify(const struct jws_algorithm *algorithm, EVP_PKEY *key,
                          struct str signed_part, const unsigned char *signature, size_t n)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL; /* belongs to context */
    bool valid = context &&
                 EVP_DigestVerifyInit(context, &key_context,
                                      algorithm->has_digest ? EVP_sha256() : NULL, NULL, key) == 1;
    if (valid && algorithm->is_pss)
        valid = EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) == 1;
    valid = valid && EVP_DigestVerify(context, signature, n, (const unsigned char *)signed_part.p,
                                      signed_part.n) == 1;
    EVP_MD_CTX_free(context);
    return valid;
}

/* The algorithm is the caller's choice, never the token's, and a public key of another type
 * verifies nothing. Only HS256 has no row in the table (a is NULL) and no public key. Clears
 * OpenSSL's error queue, because later code would report the errors that are left in it. */
bool jws_verify(struct str signed_part, struct str signature, const char *algorithm,
                const struct token_key *key)
{
    const struct jws_algorithm *a = algorithm_of(algorithm);
    unsigned char *der = NULL;
    bool valid;
    if (!a || !key->public_key)
        return !a && !key->public_key && strcmp(algorithm, "HS256") == 0 &&
               hmac_verify(signed_part, signature, key);
    if (jws_key_error(key->public_key, algorithm))
        return false;
    if (a->key_type == EVP_PKEY_EC) {
        int n = ecdsa_to_der(signature, &der);
        valid = n > 0 && public_verify(a, key->public_key, signed_part, der, (size_t)n);
        OPENSSL_free(der);
    } else {
        valid = public_verify(a, key->public_key, signed_part, (const unsigned char *)signature.p,
                              signature.n);
    }
    ERR_clear_error();
    return valid;
}

/* ---- signing ---- */

/* Converts an ECDSA signature from OpenSSL's DER form to the 64 bytes of ES256. Returns false when
 * `der` is not such a signature. */
static bool ecdsa_from_der(const unsigned char *der, size_t n, unsigned char ret[2 * ES256_HALF])
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)n);
    bool good = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), ret, ES256_HALF) == ES256_HALF &&
                BN_bn2binpad(ECDSA_SIG_get0_s(pair), ret + ES256_HALF, ES256_HALF) == ES256_HALF;
    ECDSA_SIG_free(pair);
    return good;
}

/* Signs the text with OpenSSL, and writes the signature to ret. *ret_n: bytes of room in ret before
 * the call, length of the signature after it. Returns false on failure. */
static bool private_sign(const struct jws_algorithm *algorithm, EVP_PKEY *key, struct str text,
                         unsigned char *ret, size_t *ret_n)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL; /* belongs to context */
    bool good =
        context && EVP_DigestSignInit(context, &key_context,
                                      algorithm->has_digest ? EVP_sha256() : NULL, NULL, key) == 1;
    if (good && algorithm->is_pss)
        good = EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) == 1;
    good = good && EVP_DigestSign(context, ret, ret_n, (const unsigned char *)text.p, text.n) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

/* Signs the text (header, dot and payload of a token). For ES256, OpenSSL returns r and s in DER,
 * and JWS wants them one after the other in 32 bytes each (RFC 7518, section 3.4). The result
 * points into ret; its p is NULL on failure. */
static struct str private_signature(const struct jws_algorithm *algorithm, EVP_PKEY *key,
                                    struct str text, unsigned char ret[SIGNATURE_MAX])
{
    unsigned char r_and_s[2 * ES256_HALF];
    size_t n = SIGNATURE_MAX;
    if (!private_sign(algorithm, key, text, ret, &n))
        return (struct str){0};
    if (algorithm->key_type == EVP_PKEY_EC) {
        if (!ecdsa_from_der(ret, n, r_and_s))
            return (struct str){0};
        memcpy(ret, r_and_s, sizeof(r_and_s));
        n = sizeof(r_and_s);
    }
    return (struct str){(const char *)ret, n};
}

/* Appends the text in base64url (RFC 7515, section 2): base64 with two different characters, and
 * without padding. */
static void put_base64url(struct buf *out, struct str text)
{
    unsigned char *block = arena_alloc(out->arena, text.n / 3 * 4 + 5);
    int n = block ? EVP_EncodeBlock(block, (const unsigned char *)text.p, (int)text.n) : 0;
    for (int i = 0; i < n && block[i] != '='; i++)
        buf_char(out, (char)(block[i] == '+' ? '-' : block[i] == '/' ? '_' : block[i]));
    out->failed = out->failed || !block;
}

/* Joins header, payload and signature, each in base64url, by dots. When memory for one of them is
 * lacking (out.failed), no token is returned. */
char *jws_sign_private(const char *claims, const char *algorithm, EVP_PKEY *key)
{
    const struct jws_algorithm *a = algorithm_of(algorithm);
    struct arena *memory = a ? arena_new(SIGN_FIRST, SIGN_CAP) : NULL;
    unsigned char bytes[SIGNATURE_MAX];
    struct str signature;
    struct buf out;
    char *token = NULL;
    if (!memory)
        return NULL;
    buf_init(&out, memory);
    put_base64url(&out, arena_printf(memory, "{\"alg\":\"%s\",\"typ\":\"JWT\"}", algorithm));
    buf_char(&out, '.');
    put_base64url(&out, str_of(claims));
    signature = private_signature(a, key, buf_view(&out), bytes);
    if (signature.p) {
        buf_char(&out, '.');
        put_base64url(&out, signature);
        if (!out.failed)
            token = strndup(out.p, out.n);
    }
    arena_free(memory);
    ERR_clear_error();
    return token;
}

/* Builds a JWT with these claims in libjwt, signs it with HS256 and encodes it. token stays NULL
 * when libjwt refuses the claims or the key, and for an empty secret, which libjwt would accept
 * (hazards W1). */
char *jws_sign(const char *claims, const struct token_key *secret)
{
    jwt_t *jwt = NULL;
    char *token = NULL;
    if (secret->n == 0 || secret->n > INT_MAX || jwt_new(&jwt) != 0)
        return NULL;
    if (jwt_add_grants_json(jwt, claims) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_HS256, secret->p, (int)secret->n) == 0)
        token = jwt_encode_str(jwt);
    jwt_free(jwt);
    return token;
}

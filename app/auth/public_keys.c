/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads public keys: one function for each form of a key file, each type of PEM block, and each
 * type of JWK (JSON Web Key). */
#include "app/auth/public_keys.h"

#include <stdarg.h>
#include <stdio.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "app/auth/jws.h"
#include "app/base/base64.h"
#include "app/base/buf.h"
#include "app/http/json.h"

/* P256_COORDINATE: bytes of a coordinate on the curve P-256. SCRATCH_FIRST, SCRATCH_CAP: first and
 * greatest size of the memory for parsing a JWK Set. */
enum { P256_COORDINATE = 32, SCRATCH_FIRST = 16 << 10, SCRATCH_CAP = 4 << 20 };

/* The parameters of all functions here: the set of keys to fill, and where to write an error. */
struct key_reader {
    const char *setting;     /* setting that the text comes from, named in messages */
    const char *algorithm;   /* JWT_ALGORITHM, which each key must suit */
    struct token_keys *keys; /* the set to which keys are added */
    struct arena *scratch;
    char *error; /* receives the message about an invalid key; 200 bytes */
};

/* Writes an error that begins with the setting. Returns false. */
__attribute__((format(printf, 2, 3))) static bool reader_fail(const struct key_reader *r,
                                                              const char *format, ...)
{
    char message[160];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    return token_keys_fail(r->error, "%s: %s", r->setting, message);
}

/* Writes an error about the next key of the file, which is named by its number. Returns false. */
static bool reader_refuse(const struct key_reader *reader, const char *why)
{
    return reader_fail(reader, "key %zu is %s", reader->keys->n + 1, why);
}

/* Adds the key, which then belongs to the set, if it suits the algorithm. Otherwise frees it and
 * returns false with a message. key: NULL when it could not be read. kid: its name; p is NULL when
 * it has none. */
static bool reader_add(const struct key_reader *reader, EVP_PKEY *key, struct str kid)
{
    const char *error = key ? jws_key_error(key, reader->algorithm) : "damaged";

    if (!error)
        return token_keys_add_public(reader->keys, key, kid, reader->setting, reader->error);
    EVP_PKEY_free(key);
    return reader_refuse(reader, error);
}

/* ---- DER and PEM ---- */

/* Returns the public key of a certificate; NULL when the bytes are not exactly one certificate. */
static EVP_PKEY *key_of_certificate(const unsigned char *der, size_t n)
{
    const unsigned char *p = der;
    X509 *certificate = d2i_X509(NULL, &p, (long)n);
    EVP_PKEY *key = certificate && p == der + n ? X509_get_pubkey(certificate) : NULL;

    X509_free(certificate);
    return key;
}

/* Returns the key in the form SubjectPublicKeyInfo, whose PEM block is called PUBLIC KEY. */
static EVP_PKEY *key_of_public(const unsigned char *der, size_t n)
{
    return d2i_PUBKEY(NULL, &der, (long)n);
}

/* Returns the key in the form RSAPublicKey (PKCS #1), whose PEM block is called RSA PUBLIC KEY. */
static EVP_PKEY *key_of_pkcs1(const unsigned char *der, size_t n)
{
    return d2i_PublicKey(EVP_PKEY_RSA, NULL, &der, (long)n);
}

/* Adds the key of one PEM block. name: type of the block; der: its decoded bytes. Private keys are
 * refused: the engine only verifies tokens, and a private key should not be on its host. */
static bool reader_add_block(const struct key_reader *reader, const char *name,
                             const unsigned char *der, size_t n)
{
    static const struct {
        const char *name;
        EVP_PKEY *(*read)(const unsigned char *der, size_t n);
    } blocks[] = {
        {PEM_STRING_PUBLIC, key_of_public},
        {PEM_STRING_RSA_PUBLIC, key_of_pkcs1},
        {PEM_STRING_X509, key_of_certificate},
    };

    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
        if (strcmp(blocks[i].name, name) == 0)
            return reader_add(reader, blocks[i].read(der, n), (struct str){0});
    return reader_fail(reader,
                       "holds a %s; only PUBLIC KEY, RSA PUBLIC KEY and "
                       "CERTIFICATE may be there",
                       name);
}

/* Returns whether PEM_read_bio has failed because of the end of the text. The other possible
 * reason, a damaged block, leaves another error in OpenSSL's queue. */
static bool pem_at_end(void)
{
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

/* Adds the keys of all PEM blocks; each call of PEM_read_bio reads the next block. OpenSSL's error
 * queue is cleared first, so that pem_at_end sees the latest error. */
static bool reader_add_pem(const struct key_reader *reader, struct str text)
{
    BIO *in = BIO_new_mem_buf(text.p, (int)text.n); /* the file is at most 64 KiB */
    char *name, *header;
    unsigned char *der;
    long n;
    bool good = true;

    if (!in)
        return reader_fail(reader, "no memory for the keys");
    ERR_clear_error();
    while (good && PEM_read_bio(in, &name, &header, &der, &n) == 1) {
        good = reader_add_block(reader, name, der, (size_t)n);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)n); /* wiped, because it may be a private key */
    }
    if (good && !pem_at_end())
        good = reader_refuse(reader, "damaged");
    BIO_free(in);
    return good;
}

/* Returns the text with each \n that is written as two characters replaced by a line break; the
 * unchanged text when out of memory. */
static struct str reader_unescape(const struct key_reader *reader, struct str text)
{
    struct buf out;

    buf_init(&out, reader->scratch);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\\' && i + 1 < text.n && text.p[i + 1] == 'n') {
            buf_char(&out, '\n');
            i++;
        } else {
            buf_char(&out, text.p[i]);
        }
    }
    return out.failed ? text : buf_view(&out);
}

/* Adds the key of a file that contains only base64, the form in which Keycloak shows keys. */
static bool reader_add_base64(const struct key_reader *reader, struct str text)
{
    struct buf out;
    struct str der;
    EVP_PKEY *key;

    buf_init(&out, reader->scratch);
    for (size_t i = 0; i < text.n; i++)
        if (!memchr(" \t\r\n", text.p[i], 4))
            buf_char(&out, text.p[i]);
    if (out.failed)
        return reader_fail(reader, "no memory for the keys");
    der = base64_decode(buf_view(&out), reader->scratch);
    if (!der.p || der.n == 0)
        return true; /* not base64: the caller says that the file holds no key */
    key = key_of_public((const unsigned char *)der.p, der.n);
    if (!key)
        key = key_of_certificate((const unsigned char *)der.p, der.n);
    return reader_add(reader, key, (struct str){0});
}

/* ---- JWK Set ---- */

/* Returns the decoded bytes of a member of a JWK; their p is NULL when the member is absent or not
 * base64url. */
static struct str jwk_bytes(const struct key_reader *reader, struct json_object *jwk,
                            const char *name)
{
    struct str text = json_str(json_object_object_get(jwk, name));

    return text.p ? base64url_decode(text, reader->scratch) : (struct str){0};
}

/* Makes an OpenSSL key from the parameters in the builder, and frees the builder. type: OpenSSL's
 * name of the type of key, "RSA" or "EC". Returns NULL on failure. */
static EVP_PKEY *key_of_parameters(const char *type, OSSL_PARAM_BLD *builder)
{
    OSSL_PARAM *parameters = builder ? OSSL_PARAM_BLD_to_param(builder) : NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (parameters && context && EVP_PKEY_fromdata_init(context) == 1)
        (void)EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

/* Returns the key of a JWK of the type RSA (RFC 7518, section 6.3.1): modulus n and exponent e.
 * NULL when it is damaged. */
static EVP_PKEY *key_of_rsa_jwk(const struct key_reader *reader, struct json_object *jwk)
{
    struct str n = jwk_bytes(reader, jwk, "n"), e = jwk_bytes(reader, jwk, "e");
    OSSL_PARAM_BLD *builder = n.p && e.p ? OSSL_PARAM_BLD_new() : NULL;
    BIGNUM *modulus = NULL, *exponent = NULL;
    EVP_PKEY *key = NULL;

    if (builder) {
        modulus = BN_bin2bn((const unsigned char *)n.p, (int)n.n, NULL);
        exponent = BN_bin2bn((const unsigned char *)e.p, (int)e.n, NULL);
        (void)OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus);
        (void)OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent);
        key = key_of_parameters("RSA", builder);
    }
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

/* Returns the key of a JWK of the type EC (RFC 7518, section 6.2.1) on the curve P-256 (OpenSSL:
 * prime256v1). Its two coordinates become an uncompressed point. NULL when it is on another curve
 * or damaged. */
static EVP_PKEY *key_of_ec_jwk(const struct key_reader *reader, struct json_object *jwk)
{
    struct str x = jwk_bytes(reader, jwk, "x"), y = jwk_bytes(reader, jwk, "y");
    unsigned char point[1 + 2 * P256_COORDINATE] = {POINT_CONVERSION_UNCOMPRESSED};
    OSSL_PARAM_BLD *builder;

    if (!str_equal(json_str(json_object_object_get(jwk, "crv")), STR("P-256")) ||
        x.n != P256_COORDINATE || y.n != P256_COORDINATE)
        return NULL;
    memcpy(point + 1, x.p, P256_COORDINATE);
    memcpy(point + 1 + P256_COORDINATE, y.p, P256_COORDINATE);
    builder = OSSL_PARAM_BLD_new();
    if (!builder)
        return NULL;
    (void)OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    (void)OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
    return key_of_parameters("EC", builder);
}

/* Returns the key of a JWK of the type OKP (RFC 8037, section 2) on the curve Ed25519. NULL when it
 * is on another curve or damaged. */
static EVP_PKEY *key_of_okp_jwk(const struct key_reader *reader, struct json_object *jwk)
{
    struct str x = jwk_bytes(reader, jwk, "x");

    if (!x.p || !str_equal(json_str(json_object_object_get(jwk, "crv")), STR("Ed25519")))
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)x.p, x.n);
}

/* Returns the key of a JWK; NULL when it is of another type or damaged. */
static EVP_PKEY *key_of_jwk(const struct key_reader *r, struct json_object *jwk)
{
    static const struct {
        const char *name;
        EVP_PKEY *(*read)(const struct key_reader *r, struct json_object *jwk);
    } types[] = {{"RSA", key_of_rsa_jwk}, {"EC", key_of_ec_jwk}, {"OKP", key_of_okp_jwk}};
    struct str type = json_str(json_object_object_get(jwk, "kty"));

    for (size_t i = 0; type.p && i < sizeof(types) / sizeof(types[0]); i++)
        if (str_equal(type, str_of(types[i].name)))
            return types[i].read(r, jwk);
    return NULL;
}

/* Returns whether the member of a JWK is absent, which means no restriction, or has this text. */
static bool jwk_permits(struct json_object *jwk, const char *name, const char *text)
{
    struct json_object *value = json_object_object_get(jwk, name);

    return !value || str_equal(json_str(value), str_of(text));
}

/* Adds the key of a JWK. Skips a key that is for another purpose or algorithm, damaged, or of an
 * unknown type (RFC 7517, section 5). Returns false only when there are too many keys, or no
 * memory. */
static bool reader_add_jwk(const struct key_reader *reader, struct json_object *jwk)
{
    struct str kid = json_str(json_object_object_get(jwk, "kid"));
    EVP_PKEY *key;

    if (!json_object_is_type(jwk, json_type_object) || !jwk_permits(jwk, "use", "sig") ||
        !jwk_permits(jwk, "alg", reader->algorithm))
        return true;
    key = key_of_jwk(reader, jwk);
    if (key && !jws_key_error(key, reader->algorithm))
        return token_keys_add_public(reader->keys, key, kid, reader->setting, reader->error);
    EVP_PKEY_free(key);
    return true;
}

/* Adds the keys of a JWK Set, an object with the list `keys`. Keys for another purpose or algorithm
 * are skipped. */
static bool reader_add_jwk_set(const struct key_reader *reader, struct str text)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct json_object *set = json_parse(text, reader->scratch, &p), *keys = NULL;
    bool good = true;

    if (p.code != PROBLEM_NONE)
        return reader_fail(reader, "begins like a JWK Set, but is no "
                                   "valid JSON");
    if (!json_object_object_get_ex(set, "keys", &keys) ||
        !json_object_is_type(keys, json_type_array))
        return reader_fail(reader, "this JSON has no list `keys`, as a "
                                   "JWK Set has");
    for (size_t i = 0; good && i < json_object_array_length(keys); i++)
        good = reader_add_jwk(reader, json_object_array_get_idx(keys, i));
    return good;
}

/* ---- all forms ---- */

/* Adds the keys of a text. Its form is found by its start, after a byte order mark: JSON is a JWK
 * Set; a line BEGIN is PEM, which may have \n for a line break, as in environment variables;
 * anything else may be base64. */
static bool reader_add_text(const struct key_reader *reader, struct str text)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";

    if (str_starts_with(text, str_of(byte_order_mark)))
        text = (struct str){text.p + 3, text.n - 3};
    text = str_trim(text);
    if (text.n > 0 && text.p[0] == '{')
        return reader_add_jwk_set(reader, text);
    if (text.n > 0 && memmem(text.p, text.n, "-----BEGIN ", 11))
        return reader_add_pem(reader, reader_unescape(reader, text));
    return reader_add_base64(reader, text);
}

/* Adds the keys of a text that must be a JWK Set, the only form that a provider's server sends. */
static bool reader_add_set_alone(const struct key_reader *reader, struct str text)
{
    text = str_trim(text);
    return text.n > 0 && text.p[0] == '{' ? reader_add_jwk_set(reader, text)
                                          : reader_fail(reader, "what came is no JWK Set");
}

/* Adds the keys of a text by the function `add`. Clears OpenSSL's error queue, because later code
 * would report the errors that are left in it. */
static bool public_keys_read(bool (*add)(const struct key_reader *r, struct str text),
                             struct str text, const char *setting, const char *algorithm,
                             /* NOLINTNEXTLINE(readability-non-const-parameter): r.error */
                             struct token_keys *ret, char ret_error[200])
{
    struct key_reader r = {setting, algorithm, ret, arena_new(SCRATCH_FIRST, SCRATCH_CAP),
                           ret_error};
    bool good;

    if (!r.scratch)
        return reader_fail(&r, "no memory for the keys");
    good = add(&r, text);
    if (good && ret->n == 0)
        good =
            reader_fail(&r, "holds no public key for %s; it takes %sa JWK Set", algorithm,
                        add == reader_add_text ? "PEM, a certificate, the base64 of one, or " : "");
    arena_free(r.scratch);
    ERR_clear_error();
    return good;
}

bool public_keys_parse(struct str text, const char *algorithm, struct token_keys *ret,
                       char ret_error[200])
{
    return public_keys_read(reader_add_text, text, "JWT_PUBLIC_KEY_FILE", algorithm, ret,
                            ret_error);
}

bool public_keys_parse_set(struct str text, const char *setting, const char *algorithm,
                           struct token_keys *ret, char ret_error[200])
{
    return public_keys_read(reader_add_set_alone, text, setting, algorithm, ret, ret_error);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loads the keys that verify tokens: secrets for HS256, or public keys for RS256 and ES256. They
 * come from settings (environment variables) or from files that settings name. Each error message
 * names the variable. One bad key makes all keys invalid, because without it some tokens would be
 * refused later, which is hard to explain. */
#include "app/auth/token_keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* Writes an error message; a message of more than 199 bytes is cut. Always returns false, which the
 * callers return too. */
static bool keys_fail(char ret_error[200], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool keys_fail(char ret_error[200], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(ret_error, 200, format, args);
    va_end(args);
    return false;
}

/* Appends a copy of the key's bytes. variable: setting that the key comes from, for messages.
 * Returns false with a message when out of memory, or when there are TOKEN_KEYS_MAX keys already.
 */
static bool keys_add(struct token_keys *keys, const void *bytes, size_t n, const char *variable,
                     char ret_error[200])
{
    if (keys->n == TOKEN_KEYS_MAX)
        return keys_fail(ret_error, "%s: more than %d keys", variable, TOKEN_KEYS_MAX);
    unsigned char *copy = malloc(n);
    if (!copy)
        return keys_fail(ret_error, "%s: no memory for the keys", variable);
    memcpy(copy, bytes, n);
    keys->v[keys->n++] = (struct token_key){copy, n};
    /* keys owns the copy */
    /* cppcheck-suppress memleak */
    return true;
}

/* Adds the secrets of a text with one secret a line; empty lines are skipped. */
static bool keys_parse_secrets(struct str text, struct token_keys *ret, char ret_error[200])
{
    /* A public key is known to everybody, so as a secret it would let everybody sign tokens. */
    if (text.n > 0 && memmem(text.p, text.n, "-----BEGIN ", 11))
        return keys_fail(ret_error, "JWT_SECRET: this is a PEM file, not a secret for HS256; "
                                    "set JWT_ALGORITHM and JWT_PUBLIC_KEY_FILE");
    for (int line = 1; text.n > 0; line++) {
        struct str secret = str_trim(str_cut(&text, '\n'));
        if (secret.n == 0)
            continue;
        if (secret.n < SECRET_BYTES_MIN)
            return keys_fail(ret_error, "JWT_SECRET: the secret in line %d has %zu bytes, not %d",
                             line, secret.n, SECRET_BYTES_MIN);
        if (!keys_add(ret, secret.p, secret.n, "JWT_SECRET", ret_error))
            return false;
    }
    return ret->n > 0 || keys_fail(ret_error, "JWT_SECRET: not set, and JWT_ALGORITHM is HS256");
}

/* Checks type and size of a public key. Returns NULL when it suits the algorithm, else what is
 * wrong with it. */
static const char *public_key_error(const EVP_PKEY *key, const char *algorithm)
{
    if (strcmp(algorithm, "RS256") == 0) {
        if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
            return "not an RSA key, as RS256 needs";
        return EVP_PKEY_get_bits(key) < RSA_BITS_MIN ? "an RSA key below 2048 bits" : NULL;
    }
    char curve[32] = "";
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
        EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) != 1 ||
        strcmp(curve, "prime256v1") != 0)
        return "not a key on P-256, as ES256 needs";
    return NULL;
}

/* Appends a public key as a PEM text of its own, because libjwt needs one text for each key, while
 * the file may hold several keys. False with a message when out of memory or when there are too
 * many keys. */
static bool keys_add_public(struct token_keys *keys, EVP_PKEY *key, char ret_error[200])
{
    BIO *pem = BIO_new(BIO_s_mem());
    char *text = NULL;
    bool written = pem && PEM_write_bio_PUBKEY(pem, key) == 1;
    long n = written ? BIO_get_mem_data(pem, &text) : 0;
    bool added = n > 0 ? keys_add(keys, text, (size_t)n, "JWT_PUBLIC_KEY_FILE", ret_error)
                       : keys_fail(ret_error, "JWT_PUBLIC_KEY_FILE: no memory for the keys");
    BIO_free(pem);
    return added;
}

/* Appends the key of one PEM block. name: type of the block; der: its decoded bytes. Private keys
 * and certificates are refused: the engine only verifies tokens, and a private key should not be on
 * its host. */
static bool keys_add_pem_block(struct token_keys *keys, const char *name, struct str der,
                               const char *algorithm, char ret_error[200])
{
    if (strcmp(name, "PUBLIC KEY") != 0)
        return keys_fail(ret_error, "JWT_PUBLIC_KEY_FILE: holds a %s; only PUBLIC KEY may be there",
                         name);
    const unsigned char *bytes = (const unsigned char *)der.p;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &bytes, (long)der.n);
    const char *error = key ? public_key_error(key, algorithm) : "damaged";
    bool added =
        error ? keys_fail(ret_error, "JWT_PUBLIC_KEY_FILE: key %zu is %s", keys->n + 1, error)
              : keys_add_public(keys, key, ret_error);
    EVP_PKEY_free(key);
    return added;
}

/* Whether the latest failure of PEM_read_bio was the end of the file. The other possible reason is
 * a damaged block, which has another error. */
static bool pem_at_end(void)
{
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

/* Adds the public keys of all PEM blocks of a text. Returns false with a message when a block is
 * damaged or not a suitable key, and when there is none. OpenSSL's queue of errors is cleared
 * before, so that pem_at_end sees the latest error, and afterwards, so that no error is left in it.
 */
static bool keys_parse_pem(struct str text, const char *algorithm, struct token_keys *ret,
                           char ret_error[200])
{
    BIO *in = BIO_new_mem_buf(text.p, (int)text.n); /* the file is at most 64 KiB */
    if (!in)
        return keys_fail(ret_error, "JWT_PUBLIC_KEY_FILE: no memory for the keys");
    char *name, *header;
    unsigned char *der;
    long n;
    bool good = true;
    ERR_clear_error();
    while (good && PEM_read_bio(in, &name, &header, &der, &n) == 1) {
        good = keys_add_pem_block(ret, name, (struct str){(const char *)der, (size_t)n}, algorithm,
                                  ret_error);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)n); /* wiped, because it may be a private key */
    }
    if (good && !pem_at_end())
        good = keys_fail(ret_error, "JWT_PUBLIC_KEY_FILE: key %zu is damaged", ret->n + 1);
    else if (good && ret->n == 0)
        good = keys_fail(ret_error, "JWT_PUBLIC_KEY_FILE: holds no PEM public key");
    BIO_free(in);
    ERR_clear_error();
    return good;
}

/* Reads a key file. The caller frees the text. Returns NULL with a message on failure. */
static char *keys_read_file(const char *path, const char *variable, char ret_error[200])
{
    char *text = config_read_secret_file(path);
    if (!text)
        (void)keys_fail(ret_error, "%s: cannot read %s: %s", variable, path,
                        errno == ENODATA ? "it is empty" : strerror(errno));
    return text;
}

/* Loads the secrets of HS256. The text of a file is wiped before it is freed. */
static bool keys_load_secrets(const struct config *config, enum key_source source,
                              struct token_keys *ret, char ret_error[200])
{
    if (source == KEYS_FROM_CONFIG || !config->jwt_secret_file)
        return keys_parse_secrets(str_of(config->jwt_secret), ret, ret_error);
    char *text = keys_read_file(config->jwt_secret_file, "JWT_SECRET_FILE", ret_error);
    if (!text)
        return false;
    bool good = keys_parse_secrets(str_of(text), ret, ret_error);
    explicit_bzero(text, strlen(text));
    free(text);
    return good;
}

/* Loads the public keys of RS256 or ES256 from their file. keys_read_file or keys_parse_pem has
 * written the message when this returns false. A public key is no secret and is not wiped. */
static bool keys_load_public(const struct config *config, struct token_keys *ret,
                             char ret_error[200])
{
    const char *path = config->jwt_public_key_file;
    if (str_of(path).n == 0)
        return keys_fail(ret_error, "JWT_PUBLIC_KEY_FILE: not set, and JWT_ALGORITHM is %s",
                         config->jwt_algorithm);
    char *text = keys_read_file(path, "JWT_PUBLIC_KEY_FILE", ret_error);
    bool good = text && keys_parse_pem(str_of(text), config->jwt_algorithm, ret, ret_error);
    free(text);
    return good;
}

/* Loads into a set of its own, so that *ret is unchanged on failure. The keys that were read before
 * the bad one are then wiped. */
bool token_keys_load(const struct config *config, enum key_source source, struct token_keys *ret,
                     char ret_error[200])
{
    struct token_keys keys = {.n = 0};
    bool good = strcmp(config->jwt_algorithm, "HS256") == 0
                    ? keys_load_secrets(config, source, &keys, ret_error)
                    : keys_load_public(config, &keys, ret_error);
    if (good)
        *ret = keys;
    else
        token_keys_release(&keys);
    return good;
}

static void key_wipe(struct token_key *key)
{
    if (key->p)
        explicit_bzero(key->p, key->n);
    free(key->p);
    *key = (struct token_key){NULL, 0};
}

void token_keys_release(struct token_keys *keys)
{
    for (size_t i = 0; i < keys->n; i++)
        key_wipe(&keys->v[i]);
    keys->n = 0;
}

void token_keys_remove(struct token_keys *keys, size_t i)
{
    key_wipe(&keys->v[i]);
    keys->n--;
    memmove(&keys->v[i], &keys->v[i + 1], (keys->n - i) * sizeof(keys->v[0]));
}

/* Whether two keys have the same bytes. Only the comparison of keys of one length takes constant
 * time; the length is not secret. */
static bool key_equal(const struct token_key *a, const struct token_key *b)
{
    return a->n == b->n && CRYPTO_memcmp(a->p, b->p, a->n) == 0;
}

bool token_keys_contain(const struct token_keys *keys, const struct token_key *key)
{
    for (size_t i = 0; i < keys->n; i++)
        if (key_equal(&keys->v[i], key))
            return true;
    return false;
}

/* Keys in another order are not equal: the first secret also signs tokens. */
bool token_keys_equal(const struct token_keys *a, const struct token_keys *b)
{
    bool equal = a->n == b->n;
    for (size_t i = 0; equal && i < a->n; i++)
        equal = key_equal(&a->v[i], &b->v[i]);
    return equal;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Functions for a set of keys that verify tokens: add, compare, wipe. token_keys_load.c fills the
 * set. */
#include "app/auth/token_keys.h"

#include <stdarg.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/x509.h>

/* Cuts a message of more than 199 bytes. */
bool token_keys_fail(char ret_error[200], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(ret_error, 200, format, args);
    va_end(args);
    return false;
}

/* Frees the parts of a key. Its bytes are wiped first, because they may be a secret. */
static void key_wipe(struct token_key *key)
{
    OPENSSL_clear_free(key->p, key->n);
    EVP_PKEY_free(key->public_key);
    free(key->kid);
    *key = (struct token_key){0};
}

/* Appends a key, whose parts then belong to the set. Frees the key instead and returns false when
 * there are TOKEN_KEYS_MAX keys already, or when its bytes (key.p) are missing for lack of memory.
 * variable: setting that the key comes from, for the message. */
static bool keys_append(struct token_keys *keys, struct token_key key, const char *variable,
                        char ret_error[200])
{
    if (key.p && keys->n < TOKEN_KEYS_MAX) {
        keys->v[keys->n++] = key;
        return true;
    }
    if (key.p)
        (void)token_keys_fail(ret_error, "%s: more than %d keys", variable, TOKEN_KEYS_MAX);
    else
        (void)token_keys_fail(ret_error, "%s: no memory for the keys", variable);
    key_wipe(&key);
    return false;
}

/* Appends a copy of a secret. */
bool token_keys_add_secret(struct token_keys *keys, struct str secret, char ret_error[200])
{
    struct token_key key = {.p = OPENSSL_memdup(secret.p, secret.n), .n = secret.n};
    return keys_append(keys, key, "JWT_SECRET", ret_error);
}

/* Also stores the key's DER form (token_key.p), by which keys are compared. When memory for a part
 * is lacking, key.p is NULL, and keys_append frees the key and fails. */
bool token_keys_add_public(struct token_keys *keys, EVP_PKEY *public_key, struct str kid,
                           const char *setting, char ret_error[200])
{
    struct token_key key = {.public_key = public_key};
    int n = i2d_PUBKEY(public_key, &key.p);
    key.n = n > 0 ? (size_t)n : 0;
    key.kid = kid.p ? strndup(kid.p, kid.n) : NULL;
    if (kid.p && !key.kid) { /* a key without its id would be tried for every token */
        OPENSSL_free(key.p);
        key.p = NULL;
    }
    return keys_append(keys, key, setting, ret_error);
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

/* Returns whether two keys have the same bytes and the same name. Takes constant time for keys of
 * the same length; the length is not secret. */
static bool key_equal(const struct token_key *a, const struct token_key *b)
{
    return a->n == b->n && CRYPTO_memcmp(a->p, b->p, a->n) == 0 &&
           strcmp(a->kid ? a->kid : "", b->kid ? b->kid : "") == 0;
}

bool token_keys_contain(const struct token_keys *keys, const struct token_key *key)
{
    for (size_t i = 0; i < keys->n; i++)
        if (key_equal(&keys->v[i], key))
            return true;
    return false;
}

/* Keys in another order are not equal, because the first secret also signs tokens. */
bool token_keys_equal(const struct token_keys *a, const struct token_keys *b)
{
    bool equal = a->n == b->n;
    for (size_t i = 0; equal && i < a->n; i++)
        equal = key_equal(&a->v[i], &b->v[i]);
    return equal;
}

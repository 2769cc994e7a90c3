/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keys that verify tokens, all for the configured algorithm. */
#ifndef AUTH_TOKEN_KEYS_H
#define AUTH_TOKEN_KEYS_H

#include <openssl/evp.h>

#include "app/auth/token.h"

/* Smallest keys that are accepted: bytes of a secret, bits of an RSA key. */
enum { SECRET_BYTES_MIN = 32, RSA_BITS_MIN = 2048 };

/* One key: a secret (HS256), or a public key. */
struct token_key {
    unsigned char *p; /* the secret, or the public key in DER form; n bytes */
    size_t n;
    EVP_PKEY *public_key; /* NULL: a secret */
    char *kid;            /* key id: its name in a JWK Set; NULL: it has none */
};

struct token_keys {
    struct token_key v[TOKEN_KEYS_MAX]; /* the first n are in use */
    size_t n;
};

/* Returns whether the keys are fetched from a server of the identity provider (auth/provider.h). */
bool token_keys_by_url(const struct config *config);
/* Loads and checks the keys of settings and files: public keys from their file, secrets from the
 * text that the configuration has read. It has one secret a line; white space around it is ignored,
 * empty lines are skipped. Returns false, with a line that names the setting, when one of the keys
 * is invalid; *ret is then unchanged. */
bool token_keys_load(const struct config *config, struct token_keys *ret, char ret_error[200]);
/* Appends a copy of a secret to the set. Returns false with a message in ret_error. */
bool token_keys_add_secret(struct token_keys *keys, struct str secret, char ret_error[200]);
/* Appends a public key, which then belongs to the set, or is freed on failure. kid: p is NULL when
 * the key has no name. Returns false with a message in ret_error, which begins with `setting`. */
bool token_keys_add_public(struct token_keys *keys, EVP_PKEY *public_key, struct str kid,
                           const char *setting, char ret_error[200]);
/* Writes an error message, formatted as by printf, to ret_error. Always returns false, so that
 * callers can return its result. */
bool token_keys_fail(char ret_error[200], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Wipes and frees all keys. */
void token_keys_release(struct token_keys *keys);
/* Wipes, frees and removes the key at index i; later keys move up by one. */
void token_keys_remove(struct token_keys *keys, size_t i);
/* Returns whether the set has a key of the same bytes and name. Compares in constant time. */
bool token_keys_contain(const struct token_keys *keys, const struct token_key *key);
/* Returns whether the sets have the same keys in the same order. Compares in constant time. */
bool token_keys_equal(const struct token_keys *a, const struct token_keys *b);

#endif

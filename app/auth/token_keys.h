/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keys with which tokens are verified, all for the one configured algorithm. */
#ifndef AUTH_TOKEN_KEYS_H
#define AUTH_TOKEN_KEYS_H

#include "app/auth/token.h"

enum { SECRET_BYTES_MIN = 32, RSA_BITS_MIN = 2048 };

/* HS256: the secret's bytes. RS256, ES256: PEM text of one public key. */
struct token_key {
    unsigned char *p;
    size_t n;
};

struct token_keys {
    struct token_key v[TOKEN_KEYS_MAX];
    size_t n;
};

enum key_source {
    KEYS_FROM_CONFIG, /* the secrets that config holds */
    KEYS_FROM_FILES,  /* JWT_SECRET_FILE, read again; without such a file as KEYS_FROM_CONFIG */
};

/* Loads and checks all keys; public keys always come from their file. False, with a line that names
 * the variable, when any key is bad: a set is never used in part. HS256: one secret a line; white
 * space around it is ignored, empty lines are skipped. */
bool token_keys_load(const struct config *config, enum key_source source, struct token_keys *ret,
                     char ret_error[200]);
void token_keys_release(struct token_keys *keys);          /* wipes */
void token_keys_remove(struct token_keys *keys, size_t i); /* wipes that one; later ones move up */
bool token_keys_contain(const struct token_keys *keys, const struct token_key *key);
bool token_keys_equal(const struct token_keys *a, const struct token_keys *b);

#endif

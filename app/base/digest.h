/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHA-256, HMAC-SHA-256 and comparison in constant time, by OpenSSL. The functions abort the
 * process when OpenSSL fails, so they report no errors. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "app/base/str.h"

enum { DIGEST_SIZE = 32, DIGEST_HEX_SIZE = 65 }; /* bytes; as hexadecimal text with its NUL */

void digest_sha256(struct str data, unsigned char ret[DIGEST_SIZE]);

/* State of the SHA-256 of a text that arrives in pieces: init, update for each piece, final. */
struct digest {
    /* Memory for OpenSSL's SHA256_CTX, whose header only digest.c includes. */
    unsigned long long state[16];
};
void digest_init(struct digest *digest);
void digest_update(struct digest *digest, struct str piece);
void digest_final(struct digest *digest, unsigned char ret[DIGEST_SIZE]);

void digest_hmac(struct str key, struct str data, unsigned char ret[DIGEST_SIZE]);
/* A key of HMAC-SHA-256 that is used often. digest_keyed computes the same MAC as digest_hmac in a
 * tenth of the time, because the hashing of the key is done once. */
struct digest_key {
    struct digest inner, outer; /* states of both SHA-256 after the padded key */
};
void digest_key_init(struct digest_key *key, struct str bytes);
void digest_keyed(const struct digest_key *key, struct str data, unsigned char ret[DIGEST_SIZE]);
/* Returns whether two secrets are equal, in a time that does not depend on where they differ. An
 * empty expected text is equal to nothing: a secret that is not configured must not match an empty
 * one. */
bool digest_secrets_equal(struct str expected, struct str actual);

#endif

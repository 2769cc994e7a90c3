/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHA-256, HMAC-SHA-256 and comparison in constant time, by OpenSSL. They abort the process when
 * OpenSSL fails, so they have no errors. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "app/base/str.h"

enum { DIGEST_SIZE = 32, DIGEST_HEX_SIZE = 65 };

void digest_sha256(struct str data, unsigned char ret[DIGEST_SIZE]);

/* SHA-256 of a text that arrives in chunks. */
struct digest {
    unsigned long long state[16]; /* OpenSSL's SHA256_CTX, whose header only digest.c includes */
};
void digest_init(struct digest *d);
void digest_update(struct digest *d, struct str piece);
void digest_final(struct digest *d, unsigned char ret[DIGEST_SIZE]);

void digest_hmac(struct str key, struct str data, unsigned char ret[DIGEST_SIZE]);
/* Whether two texts are equal, in time that does not depend on where they differ. An empty expected
 * text never matches: a secret that is not set must not be equal to an empty one. */
bool digest_secrets_equal(struct str expected, struct str actual);

#endif

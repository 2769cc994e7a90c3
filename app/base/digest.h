/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHA-256, HMAC-SHA-256 and comparison in constant time, by OpenSSL. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "app/base/str.h"

enum { DIGEST_SIZE = 32, DIGEST_HEX_SIZE = 65 };

void digest_sha256(struct str data, unsigned char ret[DIGEST_SIZE]);

/* The same of a text that comes in pieces. */
struct digest {
    unsigned long long state[16]; /* OpenSSL's own, whose header is digest.c's alone */
};
void digest_init(struct digest *d);
void digest_update(struct digest *d, struct str piece);
void digest_final(struct digest *d, unsigned char ret[DIGEST_SIZE]);

void digest_hmac(struct str key, struct str data, unsigned char ret[DIGEST_SIZE]);
/* Equal texts, in time that depends on neither's content nor on where they differ. An empty
 * expected text never matches. */
bool digest_secrets_equal(struct str expected, struct str given);

#endif

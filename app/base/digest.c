/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/digest.h"

#define OPENSSL_SUPPRESS_DEPRECATED /* see digest_sha256 */

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

/* OpenSSL fails here for want of memory only. A digest that is not one must not go on to stand for
 * a token or a shard. */
static void require(const void *result, const char *what)
{
    if (result)
        return;
    (void)fprintf(stderr, "OpenSSL cannot compute %s\n", what);
    abort();
}

static const unsigned char *bytes_of(struct str s)
{
    return (const unsigned char *)(s.n > 0 ? s.p : "");
}

/* By the functions that OpenSSL 3 calls low-level: its SHA256() looks the algorithm up anew each
 * time, which takes three times as long as the digest of an id, takes locks and may run out of
 * memory. */
void digest_sha256(struct str data, unsigned char ret[DIGEST_SIZE])
{
    SHA256_CTX context;

    (void)SHA256_Init(&context);
    (void)SHA256_Update(&context, bytes_of(data), data.n);
    (void)SHA256_Final(ret, &context);
}

static_assert(sizeof(SHA256_CTX) <= sizeof(struct digest), "the state has its room");

static SHA256_CTX *context_of(struct digest *d)
{
    return (SHA256_CTX *)(void *)d->state;
}

void digest_init(struct digest *d)
{
    (void)SHA256_Init(context_of(d));
}

void digest_update(struct digest *d, struct str piece)
{
    (void)SHA256_Update(context_of(d), bytes_of(piece), piece.n);
}

void digest_final(struct digest *d, unsigned char ret[DIGEST_SIZE])
{
    (void)SHA256_Final(ret, context_of(d));
}

void digest_hmac(struct str key, struct str data, unsigned char ret[DIGEST_SIZE])
{
    require(key.n <= INT_MAX
                ? HMAC(EVP_sha256(), bytes_of(key), (int)key.n, bytes_of(data), data.n, ret, NULL)
                : NULL,
            "HMAC-SHA-256");
}

/* Digests have one length, so the comparison tells nothing of that of expected either. */
bool digest_secrets_equal(struct str expected, struct str given)
{
    unsigned char a[DIGEST_SIZE], b[DIGEST_SIZE];

    if (expected.n == 0)
        return false;
    digest_sha256(expected, a);
    digest_sha256(given, b);
    return CRYPTO_memcmp(a, b, DIGEST_SIZE) == 0;
}

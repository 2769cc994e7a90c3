/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Wraps OpenSSL. An error aborts the process: OpenSSL fails here only when out of memory, and a
 * wrong digest must not be used, for example to look up a token or to choose a shard. */
#include "app/base/digest.h"

/* The deprecated SHA256_Init, _Update and _Final are used on purpose: digest_sha256 says why. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "app/base/last_message.h"

enum { DIGEST_BLOCK_SIZE = 64 }; /* bytes of a block of SHA-256 */

/* Returns the bytes of s in the type that OpenSSL requires; never NULL. */
static const unsigned char *bytes_of(struct str s)
{
    return (const unsigned char *)(s.n > 0 ? s.p : "");
}

/* SHA-256 by the functions that OpenSSL 3 deprecates as low-level. The recommended SHA256() looks
 * the algorithm up on each call, which locks, allocates memory, and takes three times as long as
 * the digest of a short id. */
void digest_sha256(struct str data, unsigned char ret[DIGEST_SIZE])
{
    SHA256_CTX context;

    (void)SHA256_Init(&context);
    (void)SHA256_Update(&context, bytes_of(data), data.n);
    (void)SHA256_Final(ret, &context);
}

static_assert(sizeof(SHA256_CTX) <= sizeof(struct digest), "struct digest holds OpenSSL's state");

/* Returns OpenSSL's state of the digest, which is in digest->state. */
static SHA256_CTX *context_of(struct digest *digest)
{
    return (SHA256_CTX *)(void *)digest->state;
}

void digest_init(struct digest *digest)
{
    (void)SHA256_Init(context_of(digest));
}

void digest_update(struct digest *digest, struct str piece)
{
    (void)SHA256_Update(context_of(digest), bytes_of(piece), piece.n);
}

void digest_final(struct digest *digest, unsigned char ret[DIGEST_SIZE])
{
    (void)SHA256_Final(ret, context_of(digest));
}

/* Computes HMAC-SHA-256. The key must be at most INT_MAX bytes, the type of its length in OpenSSL;
 * a longer key aborts the process. */
void digest_hmac(struct str key, struct str data, unsigned char ret[DIGEST_SIZE])
{
    if (key.n <= INT_MAX &&
        HMAC(EVP_sha256(), bytes_of(key), (int)key.n, bytes_of(data), data.n, ret, NULL))
        return;
    last_message(STR("OpenSSL cannot compute HMAC-SHA-256\n"));
    abort();
}

/* Begins a SHA-256 with one block: the key, each byte of it XORed with `pad` (RFC 2104). */
static void digest_begin_keyed(struct digest *digest, const unsigned char key[DIGEST_BLOCK_SIZE],
                               unsigned char pad)
{
    unsigned char block[DIGEST_BLOCK_SIZE];

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = key[i] ^ pad;
    digest_init(digest);
    digest_update(digest, (struct str){(const char *)block, sizeof(block)});
    OPENSSL_cleanse(block, sizeof(block));
}

/* Prepares the two SHA-256 of an HMAC (RFC 2104): each has digested the key, padded with zeros to a
 * block and XORed with 0x36 (inner) or 0x5c (outer). A key longer than a block is replaced by its
 * hash. */
void digest_key_init(struct digest_key *key, struct str bytes)
{
    unsigned char block[DIGEST_BLOCK_SIZE] = {0};

    if (bytes.n > sizeof(block))
        digest_sha256(bytes, block);
    else
        memcpy(block, bytes_of(bytes), bytes.n);
    digest_begin_keyed(&key->inner, block, 0x36);
    digest_begin_keyed(&key->outer, block, 0x5c);
    OPENSSL_cleanse(block, sizeof(block));
}

/* Continues copies of the two prepared states: the inner one digests the data, the outer one
 * digests the result of the inner one. */
void digest_keyed(const struct digest_key *key, struct str data, unsigned char ret[DIGEST_SIZE])
{
    struct digest inner = key->inner, outer = key->outer;

    digest_update(&inner, data);
    digest_final(&inner, ret);
    digest_update(&outer, (struct str){(const char *)ret, DIGEST_SIZE});
    digest_final(&outer, ret);
}

/* Compares the SHA-256 digests of the two texts. Digests have the same length, so the time of the
 * comparison says nothing about the texts; the time of hashing depends only on their lengths. */
bool digest_secrets_equal(struct str expected, struct str actual)
{
    unsigned char a[DIGEST_SIZE], b[DIGEST_SIZE];

    if (expected.n == 0)
        return false;
    digest_sha256(expected, a);
    digest_sha256(actual, b);
    return CRYPTO_memcmp(a, b, DIGEST_SIZE) == 0;
}

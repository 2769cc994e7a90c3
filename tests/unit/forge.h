/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokens as an attacker, or an honest issuer, would make them: any header, any payload, signed with
 * OpenSSL and without the engine's own code. All results are malloc'd; a failure ends the process.
 */
#ifndef TESTS_FORGE_H
#define TESTS_FORGE_H

#include <openssl/evp.h>

#include "app/base/str.h"

char *forge_base64url(const void *bytes, size_t n);
/* header and payload are encoded as they are; the signature is an HMAC of md's kind. */
char *forge_hmac(const char *header, struct str payload, const EVP_MD *md, struct str key);
/* RSA: PKCS #1 v1.5. EC: r and s, 32 bytes each. */
char *forge_pkey(const char *header, struct str payload, const EVP_MD *md, EVP_PKEY *key);
/* The text of a public key file. */
char *forge_public_pem(EVP_PKEY *key);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/forge.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

enum { SIGNATURE_MAX = 1024, EC_PART = 32 };

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "forge: %s failed\n", what);
    abort();
}

char *forge_base64url(const void *bytes, size_t n)
{
    char *text = malloc((n + 2) / 3 * 4 + 1);
    require(text != NULL, "malloc");
    int length = EVP_EncodeBlock((unsigned char *)text, bytes, (int)n);
    while (length > 0 && text[length - 1] == '=')
        text[--length] = '\0';
    for (char *c = text; *c; c++)
        *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c);
    return text;
}

/* Takes a and b. */
static char *join(char *a, char *b)
{
    char *both = NULL;
    require(asprintf(&both, "%s.%s", a, b) > 0, "asprintf");
    free(a);
    free(b);
    return both;
}

static char *signed_part(const char *header, struct str payload)
{
    return join(forge_base64url(header, strlen(header)), forge_base64url(payload.p, payload.n));
}

char *forge_hmac(const char *header, struct str payload, const EVP_MD *md, struct str key)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    char *text = signed_part(header, payload);
    require(HMAC(md, key.p, (int)key.n, (const unsigned char *)text, strlen(text), mac, &n),
            "HMAC");
    return join(text, forge_base64url(mac, n));
}

/* DER to r and s (RFC 7518 section 3.4). */
static size_t flatten(unsigned char signature[SIGNATURE_MAX], size_t n)
{
    const unsigned char *der = signature;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)n);
    require(pair != NULL, "d2i_ECDSA_SIG");
    unsigned char flat[2 * EC_PART];
    require(BN_bn2binpad(ECDSA_SIG_get0_r(pair), flat, EC_PART) == EC_PART &&
                BN_bn2binpad(ECDSA_SIG_get0_s(pair), flat + EC_PART, EC_PART) == EC_PART,
            "BN_bn2binpad");
    ECDSA_SIG_free(pair);
    memcpy(signature, flat, sizeof(flat));
    return sizeof(flat);
}

char *forge_pkey(const char *header, struct str payload, const EVP_MD *md, EVP_PKEY *key)
{
    unsigned char signature[SIGNATURE_MAX];
    size_t n = sizeof(signature);
    char *text = signed_part(header, payload);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    require(context && EVP_DigestSignInit(context, NULL, md, NULL, key) == 1 &&
                EVP_DigestSign(context, signature, &n, (const unsigned char *)text, strlen(text)) ==
                    1,
            "EVP_DigestSign");
    EVP_MD_CTX_free(context);
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
        n = flatten(signature, n);
    return join(text, forge_base64url(signature, n));
}

char *forge_public_pem(EVP_PKEY *key)
{
    BIO *pem = BIO_new(BIO_s_mem());
    char *text;
    require(pem && PEM_write_bio_PUBKEY(pem, key) == 1, "PEM_write_bio_PUBKEY");
    long n = BIO_get_mem_data(pem, &text);
    char *copy = strndup(text, (size_t)n);
    require(copy != NULL, "strndup");
    BIO_free(pem);
    return copy;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The setting XAPI_CREDENTIALS: the keys and secrets with which learning tools sign in by HTTP
 * Basic, one "key:hash:note" a line. The hash is the SHA-256 of the secret in hexadecimal digits.
 * Empty lines and lines that begin with # are skipped. base/config_check.c checks the form;
 * auth/basic.c compares. */
#ifndef BASE_CREDENTIALS_H
#define BASE_CREDENTIALS_H

#include "app/base/str.h"

enum { CREDENTIAL_KEY_MAX = 64 };

struct credential {
    struct str key;  /* user name of HTTP Basic, which is not secret */
    struct str hash; /* SHA-256 of the secret: 64 hexadecimal digits in a valid credential */
    int line;        /* the first line is 1 */
};

/* Cuts the next credential from *text and stores it in *ret. Before the first call *ret must be
 * zeroed; later calls continue to count its lines. Returns false when no credential is left. */
bool credentials_next(struct str *text, struct credential *ret);
/* Returns NULL for a valid credential, else what is wrong with it. The message does not show the
 * hash. */
const char *credential_fault(const struct credential *credential);

#endif

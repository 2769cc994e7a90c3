/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all connections by TLS of one endpoint have in common: the files of REDIS_CA_FILE,
 * REDIS_CERT_FILE and REDIS_KEY_FILE in a context of OpenSSL. A file that was replaced is used by
 * the next connection. */
#ifndef STORE_TLS_FILES_H
#define STORE_TLS_FILES_H

#include <openssl/ssl.h>

#include "app/base/config.h"

struct tls_files;

enum {
    TLS_ERROR_SIZE = 160,
    /* Most bytes of padding in a hello, the first message of TLS. Padding makes its length one that
     * a Redis without TLS rejects at once (tls.c). */
    TLS_PADDING_MAX = 512,
};

/* No file is read yet. config must outlive it. NULL: out of memory. */
struct tls_files *tls_files_new(const struct config *config);
void tls_files_free(struct tls_files *files); /* accepts NULL */
/* The context with the files as they are now, valid until the next call. A connection may have a
 * size_t as its app data (SSL_set_app_data): so many bytes of padding are in its hello, the first
 * message of TLS, which make a Redis without TLS reject it at once. NULL with the setting and the
 * reason in ret_error. */
SSL_CTX *tls_files_context(struct tls_files *files, char ret_error[TLS_ERROR_SIZE]);
/* REDIS_TLS_NAME; "": the certificate must be for the host itself. */
const char *tls_files_name(const struct tls_files *files);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The OpenSSL context that all TLS connections of one endpoint share, made from the files of
 * REDIS_CA_FILE, REDIS_CERT_FILE and REDIS_KEY_FILE. When a file was replaced, the next connection
 * uses the new one. */
#ifndef STORE_TLS_FILES_H
#define STORE_TLS_FILES_H

#include <openssl/ssl.h>

#include "app/base/config.h"

struct tls_files;

enum {
    TLS_ERROR_SIZE = 160,
    /* most bytes of padding in a hello, the first message of TLS, which makes it so long that a
     * Redis without TLS rejects it at once (tls.c) */
    TLS_PADDING_MAX = 512,
};

/* Makes the struct without reading a file. config must outlive it. Returns NULL when out of memory.
 */
struct tls_files *tls_files_new(const struct config *config);
void tls_files_free(struct tls_files *files); /* accepts NULL */
/* Returns the context for the present content of the files, valid until the next call. The app data
 * of a connection (SSL_set_app_data) may point to a size_t, the bytes of padding in its hello
 * (first message of TLS). Returns NULL with the setting and the reason in ret_error. */
SSL_CTX *tls_files_context(struct tls_files *files, char ret_error[TLS_ERROR_SIZE]);
/* Returns REDIS_TLS_NAME; "" when the certificate must be for the host itself. */
const char *tls_files_name(const struct tls_files *files);

#endif

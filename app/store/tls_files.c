/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parsing the certificate authorities of a system would block the event loop for tens of
 * milliseconds, so the files are read again only when one of them has changed. */
#include "app/store/tls_files.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Number of the TLS extension that holds the padding of the hello, which makes a Redis without TLS
 * reject the connection at once (tls.c). Servers with TLS must ignore this number (RFC 8701). */
enum { TLS_IGNORED_EXTENSION = 0x0a0a };

enum { TLS_FILES = 3 }; /* authority, certificate, key */

struct tls_files {
    const struct config *config;
    SSL_CTX *context; /* NULL: the files could not be used when they were last read */
    /* state of the files from which `context` was made; zeroed: not set */
    struct stat about[TLS_FILES];
};

/* Writes the two texts, one after the other, to ret_error. Returns false. */
static bool tls_fail(char ret_error[TLS_ERROR_SIZE], const char *what, const char *why)
{
    (void)snprintf(ret_error, TLS_ERROR_SIZE, "%s%s", what, why);
    return false;
}

/* Called by OpenSSL for the password of an encrypted key, which is refused (-1): without this
 * function OpenSSL would read a password from the terminal, which a server does not have. */
/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL prescribes the signature */
static int tls_refuse_password(char *buffer, int size, int is_written, void *unused)
{
    (void)buffer;
    (void)size;
    (void)is_written;
    (void)unused;
    return -1;
}

/* Writes which setting's file OpenSSL could not use, and why. Of several errors the first one names
 * the cause. Returns false. */
static bool tls_fail_file(char ret_error[TLS_ERROR_SIZE], const char *setting)
{
    unsigned long error = ERR_get_error();
    const char *why = ERR_reason_error_string(error);

    if (ERR_SYSTEM_ERROR(error))
        why = strerror(ERR_GET_REASON(error));
    (void)snprintf(ret_error, TLS_ERROR_SIZE, "%s: the file cannot be used (%s)", setting,
                   why ? why : "unknown reason");
    return false;
}

/* Loads the authorities by which certificates of servers are verified: those in `file`
 * (REDIS_CA_FILE) or, if it is "", those of the system. Returns false with the reason in ret_error.
 */
static bool tls_load_authority(SSL_CTX *context, const char *file, char ret_error[TLS_ERROR_SIZE])
{
    int loaded = *file ? SSL_CTX_load_verify_locations(context, file, NULL)
                       : SSL_CTX_set_default_verify_paths(context);

    return loaded == 1 || tls_fail_file(ret_error, "REDIS_CA_FILE");
}

/* Loads the certificate that the server may require, with its chain, and its key. Returns true
 * without REDIS_CERT_FILE; false with the reason in ret_error when a file cannot be used. */
static bool tls_load_certificate(SSL_CTX *context, const struct config *config,
                                 char ret_error[TLS_ERROR_SIZE])
{
    int reason;

    if (!*config->redis_cert_file)
        return true;
    if (SSL_CTX_use_certificate_chain_file(context, config->redis_cert_file) != 1)
        return tls_fail_file(ret_error, "REDIS_CERT_FILE");
    ERR_clear_error();
    if (SSL_CTX_use_PrivateKey_file(context, config->redis_key_file, SSL_FILETYPE_PEM) == 1)
        return true;
    reason = ERR_GET_REASON(ERR_peek_error());
    if (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH)
        return tls_fail(ret_error, "REDIS_KEY_FILE", ": is not the key of REDIS_CERT_FILE");
    return tls_fail_file(ret_error, "REDIS_KEY_FILE");
}

/* ---- padding ---- */

/* Called by OpenSSL for the content of the extension TLS_IGNORED_EXTENSION, which only makes the
 * hello longer. The app data of the connection is the number of bytes; without app data the
 * extension is not sent. */
/* NOLINTBEGIN(readability-non-const-parameter): OpenSSL prescribes the signature */
static int tls_add_padding(SSL *ssl, unsigned unused_type, unsigned unused_context,
                           const unsigned char **ret, size_t *ret_n, X509 *unused_x509,
                           size_t unused_i, int *unused_alert, void *unused)
/* NOLINTEND(readability-non-const-parameter) */
{
    static const unsigned char zeros[TLS_PADDING_MAX];
    const size_t *padding = SSL_get_app_data(ssl);

    (void)unused_type;
    (void)unused_context;
    (void)unused_x509;
    (void)unused_i;
    (void)unused_alert;
    (void)unused;
    *ret = zeros;
    *ret_n = padding ? *padding : 0;
    return 1;
}

/* ---- the context ---- */

/* Makes the context that all connections share, with the present content of the files. Adds the
 * extension for the padding of the hello, TLS_IGNORED_EXTENSION. Returns NULL with the reason in
 * ret_error. */
static SSL_CTX *tls_new_context(const struct config *config, char ret_error[TLS_ERROR_SIZE])
{
    SSL_CTX *context;

    ERR_clear_error();
    context = SSL_CTX_new(TLS_client_method());
    if (!context) {
        (void)tls_fail(ret_error, "TLS: ", "out of memory");
        return NULL;
    }
    (void)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_mode(context,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1); /* one read() for a record, not one more for its header */
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_default_passwd_cb(context, tls_refuse_password);
    if (SSL_CTX_add_custom_ext(context, TLS_IGNORED_EXTENSION, SSL_EXT_CLIENT_HELLO,
                               tls_add_padding, NULL, NULL, NULL, NULL) != 1)
        (void)tls_fail(ret_error, "TLS: ", "out of memory");
    else if (tls_load_authority(context, config->redis_ca_file, ret_error) &&
             tls_load_certificate(context, config, ret_error))
        return context;
    SSL_CTX_free(context);
    return NULL;
}

struct tls_files *tls_files_new(const struct config *config)
{
    struct tls_files *files = calloc(1, sizeof(*files));

    if (files)
        files->config = config;
    return files;
}

void tls_files_free(struct tls_files *files)
{
    if (!files)
        return;
    SSL_CTX_free(files->context); /* accepts NULL */
    free(files);
}

/* Fills ret_about. A file that is not set, or cannot be examined, has zeros. Without REDIS_CA_FILE,
 * the file of the system is examined, which OpenSSL lets the environment name. */
static void tls_files_examine(const struct config *config, struct stat ret_about[TLS_FILES])
{
    const char *named = getenv(X509_get_default_cert_file_env());
    const char *system = named ? named : X509_get_default_cert_file();
    const char *paths[TLS_FILES] = {*config->redis_ca_file ? config->redis_ca_file : system,
                                    config->redis_cert_file, config->redis_key_file};

    for (size_t i = 0; i < TLS_FILES; i++)
        if (!*paths[i] || stat(paths[i], &ret_about[i]) != 0)
            ret_about[i] = (struct stat){0};
}

/* Returns whether no file was replaced or changed between the two examinations (tls_files_examine).
 */
static bool tls_files_are_same(const struct stat *a, const struct stat *b)
{
    for (size_t i = 0; i < TLS_FILES; i++)
        if (a[i].st_dev != b[i].st_dev || a[i].st_ino != b[i].st_ino ||
            a[i].st_size != b[i].st_size || a[i].st_mtim.tv_sec != b[i].st_mtim.tv_sec ||
            a[i].st_mtim.tv_nsec != b[i].st_mtim.tv_nsec ||
            a[i].st_ctim.tv_sec != b[i].st_ctim.tv_sec ||
            a[i].st_ctim.tv_nsec != b[i].st_ctim.tv_nsec)
            return false;
    return true;
}

/* Examines the files before they are read, so that a change in between is noticed by the next call.
 */
SSL_CTX *tls_files_context(struct tls_files *files, char ret_error[TLS_ERROR_SIZE])
{
    struct stat about[TLS_FILES];

    tls_files_examine(files->config, about);
    if (files->context && tls_files_are_same(about, files->about))
        return files->context;
    SSL_CTX_free(files->context);
    memcpy(files->about, about, sizeof(about));
    files->context = tls_new_context(files->config, ret_error);
    return files->context;
}

const char *tls_files_name(const struct tls_files *files)
{
    return files->config->redis_tls_name;
}

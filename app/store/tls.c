/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OpenSSL keeps the errors of a thread in a queue, which other users of the library (tokens, the
 * audit log) fill too, and which SSL_get_error examines. The queue is therefore cleared before each
 * call whose result is used. */
#include "app/store/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct tls {
    SSL *ssl;
    /* bytes by which the hello (first message of TLS) is made so long that a Redis without TLS
     * rejects it at once (tls_pad_hello) */
    size_t padding;
    /* the latest read must first write, for example during a change of keys */
    bool read_wants_write;
    bool write_wants_read; /* the latest write must first read, for example during the handshake */
    char error[TLS_ERROR_SIZE];
};

/* ---- the hello ---- */

/* Sets the name or address that the server's certificate must have. Only a name is also sent to the
 * server (SNI), because an address must not be (RFC 6066, section 3). */
static bool tls_set_host(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    unsigned char address[sizeof(struct in6_addr)];
    /* not const, because the macro that sets it drops const */
    char name[TLSEXT_MAXLEN_host_name + 1];

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    (void)snprintf(name, sizeof(name), "%s", host);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

enum { TLS_HEADER = 5 }; /* bytes of a record before its payload */

/* Returns the size of the hello (first message of TLS) that a connection sends without padding; 0
 * when out of memory. The hello is written to memory by a connection that is then discarded. */
static size_t tls_hello_size(SSL_CTX *context, const char *name)
{
    SSL *trial = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    size_t size = 0;

    if (trial && in && out && tls_set_host(trial, name)) {
        SSL_set_bio(trial, in, out); /* which now belong to it */
        (void)SSL_connect(trial);
        size = BIO_ctrl_pending(out);
    } else {
        BIO_free(in);
        BIO_free(out);
    }
    SSL_free(trial);
    return size;
}

/* Pads the hello so that the fifth byte of the connection, the low byte of its length, is a
 * newline, and no byte before is 0. A Redis without TLS takes these bytes for a command and replies
 * that it does not know it. Without padding it would wait for a newline until the timeout, and the
 * cause would remain unknown. */
static void tls_pad_hello(struct tls *tls, SSL_CTX *context, const char *name)
{
    size_t payload = tls_hello_size(context, name) - TLS_HEADER;

    tls->padding = ('\n' - payload) & 0xff;
    if (payload + tls->padding < 0x100)
        tls->padding += 0x100;
}

/* ---- a connection ---- */

struct tls *tls_new(struct tls_files *files, int fd, const char *host,
                    char ret_error[TLS_ERROR_SIZE])
{
    SSL_CTX *context = tls_files_context(files, ret_error);
    const char *name = *tls_files_name(files) ? tls_files_name(files) : host;
    struct tls *tls = context ? calloc(1, sizeof(*tls)) : NULL;

    if (!context)
        return NULL;
    if (tls) {
        tls_pad_hello(tls, context, name);
        tls->ssl = SSL_new(context);
    }
    if (tls && tls->ssl && SSL_set_app_data(tls->ssl, &tls->padding) == 1 &&
        tls_set_host(tls->ssl, name) && SSL_set_fd(tls->ssl, fd) == 1) {
        SSL_set_connect_state(tls->ssl);
        return tls;
    }
    (void)snprintf(ret_error, TLS_ERROR_SIZE, "TLS: out of memory");
    tls_free(tls);
    return NULL;
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    /* OpenSSL forbids SSL_shutdown after a failure and during the handshake */
    if (tls->ssl && !*tls->error && SSL_is_init_finished(tls->ssl))
        (void)SSL_shutdown(tls->ssl);
    SSL_free(tls->ssl);
    ERR_clear_error();
    free(tls);
}

/* ---- errors in words ---- */

/* An error code of OpenSSL, and what it means for an operator. */
struct tls_reason {
    int code;
    const char *text;
};

/* Returns the text for the code; NULL when the table has none. */
static const char *tls_find_reason(const struct tls_reason *reasons, size_t n, long code)
{
    for (size_t i = 0; i < n; i++)
        if (reasons[i].code == code)
            return reasons[i].text;
    return NULL;
}

#define NOT_TRUSTED                                                                                \
    "the certificate of Redis is not signed by an authority of REDIS_CA_FILE (not set: of the "    \
    "system)"

/* Returns why the certificate of the server was not accepted. */
static const char *tls_verify_error(long result)
{
    static const struct tls_reason reasons[] = {
        {X509_V_ERR_HOSTNAME_MISMATCH,
         "the certificate of Redis is for another name than the host that REDIS_URL names "
         "(REDIS_TLS_NAME)"},
        {X509_V_ERR_IP_ADDRESS_MISMATCH,
         "the certificate of Redis does not name the address in REDIS_URL: write the name of the "
         "host, or set REDIS_TLS_NAME"},
        {X509_V_ERR_CERT_HAS_EXPIRED, "the certificate of Redis, or of its authority, has expired"},
        {X509_V_ERR_CERT_NOT_YET_VALID, "the certificate of Redis is not valid yet"},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, NOT_TRUSTED},
        {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, NOT_TRUSTED},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, NOT_TRUSTED},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, NOT_TRUSTED},
        {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, NOT_TRUSTED},
        {X509_V_ERR_CERT_SIGNATURE_FAILURE, NOT_TRUSTED},
    };
    const char *text = tls_find_reason(reasons, COUNT(reasons), result);

    return text ? text : X509_verify_cert_error_string(result);
}

/* Failures of the handshake that an operator can correct. The first row is how OpenSSL reports that
 * the first byte of the reply does not begin a TLS record: it is the - of an error reply by a Redis
 * without TLS. (tls_pad_hello makes Redis reply at once.) */
static const struct tls_reason tls_reasons[] = {
    {SSL_R_WRONG_VERSION_NUMBER, "the server does not speak TLS on this port: name its tls-port in "
                                 "REDIS_URL, or begin it with redis:// for no TLS"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
     "Redis requires a client certificate: set REDIS_CERT_FILE and REDIS_KEY_FILE"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "Redis does not accept the certificate in REDIS_CERT_FILE"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "Redis does not accept the certificate in REDIS_CERT_FILE"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "the certificate in REDIS_CERT_FILE has expired"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
     "Redis refused the TLS handshake: it may require a client certificate (REDIS_CERT_FILE), or "
     "offer no cipher of today"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "Redis offers TLS 1.1 or older only; 1.2 is required"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "Redis offers TLS 1.1 or older only; 1.2 is required"},
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING /* OpenSSL 3 */
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, "Redis closed the connection"},
#endif
};

/* Records why the connection failed, by the latest result of SSL_get_error, errno and the error
 * queue, none of which may have changed since. A failure is final. */
static void tls_record_error(struct tls *tls, int result)
{
    unsigned long error = ERR_peek_error();
    long verified = SSL_get_verify_result(tls->ssl);
    const char *text = NULL;

    if (result == SSL_ERROR_ZERO_RETURN || (result == SSL_ERROR_SYSCALL && error == 0 && !errno))
        text = "Redis closed the connection";
    else if (result == SSL_ERROR_SYSCALL && error == 0)
        text = strerror(errno);
    else if (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        text = tls_verify_error(verified);
    else
        text = tls_find_reason(tls_reasons, COUNT(tls_reasons), ERR_GET_REASON(error));
    if (!text)
        text = ERR_reason_error_string(error);
    (void)snprintf(tls->error, sizeof(tls->error), "TLS: %s", text ? text : "unknown error");
    ERR_clear_error();
}

/* ---- bytes ---- */

/* Reads once. Returns the number of bytes; 0 when no byte has arrived; -1 after a failure. */
static ssize_t tls_read_once(struct tls *tls, char *buffer, size_t size)
{
    size_t n = 0;
    int result;

    ERR_clear_error();
    errno = 0;
    if (SSL_read_ex(tls->ssl, buffer, size, &n) == 1)
        return (ssize_t)n;
    result = SSL_get_error(tls->ssl, 0);
    tls->read_wants_write = result == SSL_ERROR_WANT_WRITE;
    if (result == SSL_ERROR_WANT_READ || result == SSL_ERROR_WANT_WRITE)
        return 0;
    tls_record_error(tls, result);
    return -1;
}

/* Reads in a loop, because SSL_read returns at most one record. More records may be in OpenSSL's
 * own buffer, for which the socket does not become readable again. */
ssize_t tls_read(struct tls *tls, char *buffer, size_t size, bool *ret_more)
{
    size_t done = 0;
    ssize_t n = *tls->error ? -1 : 1; /* result of the latest read; 1: none yet */

    tls->read_wants_write = false;
    while (done < size && n > 0) {
        n = tls_read_once(tls, buffer + done, size - done);
        done += n > 0 ? (size_t)n : 0;
    }
    *ret_more = n != 0;
    return done > 0 ? (ssize_t)done : n;
}

/* Called when writing has failed: the server's reason, such as a refused certificate, may still be
 * unread. Bytes of replies that are read here are lost with the connection. */
static ssize_t tls_fail_write(struct tls *tls, int result)
{
    char ignored[512];
    int error = errno;

    while (result == SSL_ERROR_SYSCALL && tls_read_once(tls, ignored, sizeof(ignored)) > 0)
        ;
    if (!*tls->error) {
        errno = error;
        tls_record_error(tls, result);
    }
    return -1;
}

/* Writes in a loop, because each call of SSL_write makes at most one record of 16 KiB. */
ssize_t tls_write(struct tls *tls, const char *bytes, size_t n)
{
    size_t done = 0;

    tls->write_wants_read = false;
    if (*tls->error)
        return -1;
    while (done < n) {
        size_t written = 0;
        int result;

        ERR_clear_error();
        errno = 0;
        if (SSL_write_ex(tls->ssl, bytes + done, n - done, &written) == 1) {
            done += written;
            continue;
        }
        result = SSL_get_error(tls->ssl, 0);
        tls->write_wants_read = result == SSL_ERROR_WANT_READ;
        if (result == SSL_ERROR_WANT_READ || result == SSL_ERROR_WANT_WRITE)
            break;
        return tls_fail_write(tls, result);
    }
    return (ssize_t)done;
}

bool tls_wants_write(const struct tls *tls, bool has_bytes)
{
    return tls->read_wants_write || (has_bytes && !tls->write_wants_read);
}

bool tls_in_handshake(const struct tls *tls)
{
    return !SSL_is_init_finished(tls->ssl);
}

const char *tls_error(const struct tls *tls)
{
    return tls->error;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS over a non-blocking socket to Redis or a sentinel, by OpenSSL: at least TLS 1.2; the
 * certificate of the server is verified against an authority, and for the name of the host. */
#ifndef STORE_TLS_H
#define STORE_TLS_H

#include <sys/types.h>

#include "app/store/tls_files.h"

struct tls;

/* Begins TLS on a socket that is connected or still connecting. The certificate must be for
 * REDIS_TLS_NAME if that is set, else for `host` (a name or a numeric address). The caller still
 * owns the socket. The handshake happens during tls_read and tls_write. Its first message (hello)
 * is padded so that a Redis without TLS rejects it at once instead of waiting. Returns NULL with
 * the reason in ret_error. */
struct tls *tls_new(struct tls_files *files, int fd, const char *host,
                    char ret_error[TLS_ERROR_SIZE]);
/* Sends the end of TLS to the server, without waiting, and frees the struct. To be called before
 * the socket is closed. Accepts NULL. */
void tls_free(struct tls *tls);

/* Reads until the buffer is full or all that has arrived is read. Returns the number of bytes; 0
 * when none have arrived; -1 when the connection has failed or the server has ended it, with the
 * reason in tls_error(). When the end follows some bytes, returns these, and *ret_more is true: the
 * caller must call again, because the socket may not become readable again. */
ssize_t tls_read(struct tls *tls, char *buffer, size_t size, bool *ret_more);
/* Writes as many bytes as the socket accepts. Returns their number, or -1 after a failure. The next
 * call must begin with the same bytes that were not accepted, at any address. */
ssize_t tls_write(struct tls *tls, const char *bytes, size_t n);
/* Returns whether the caller must wait until the socket is writable. has_bytes: the caller has
 * bytes to write. Returns false, even if has_bytes, while TLS itself must read first: waiting for a
 * writable socket would then return at once again and again. */
bool tls_wants_write(const struct tls *tls, bool has_bytes);
/* Returns whether the TLS handshake is not complete yet. */
bool tls_in_handshake(const struct tls *tls);
/* Returns the reason of the failure in words, without the host's name; "" before the first failure.
 */
const char *tls_error(const struct tls *tls);

#endif

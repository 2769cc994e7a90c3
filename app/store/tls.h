/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS over a non-blocking socket to Redis or a sentinel, by OpenSSL: at least TLS 1.2, the
 * certificate of the server verified against an authority and for the host's name. */
#ifndef STORE_TLS_H
#define STORE_TLS_H

#include <sys/types.h>

#include "app/store/tls_files.h"

struct tls;

/* Begins TLS on a socket that is connected or connects, for the server `host` (a name, or a numeric
 * address); REDIS_TLS_NAME takes its place. The socket stays the caller's. The handshake takes
 * place in tls_read and tls_write. Its first message (hello) is padded so that a Redis without TLS
 * rejects it at once, which would wait otherwise. NULL with the reason in ret_error. */
struct tls *tls_new(struct tls_files *files, int fd, const char *host,
                    char ret_error[TLS_ERROR_SIZE]);
/* Sends the server the end of TLS, without waiting. To be called before the socket is
 * closed. Accepts NULL. */
void tls_free(struct tls *tls);

/* Reads until the buffer is full or nothing more has arrived. Returns the number of bytes, 0 when
 * there are none yet, or -1 when the connection has failed or the server has ended it: tls_error()
 * has the reason. After an end that was met behind some bytes, *ret_more is true: the socket may
 * not become readable again, so the caller must call once more. */
ssize_t tls_read(struct tls *tls, char *buffer, size_t size, bool *ret_more);
/* Writes as many bytes as the socket accepts. Returns their number, or -1. Of bytes that were not
 * accepted the next call must get the same ones, from any place in memory. */
ssize_t tls_write(struct tls *tls, const char *bytes, size_t n);
/* Whether the socket must become writable before tls_read or tls_write can go on. has_bytes:
 * the caller has bytes to write. False while TLS itself has to read first, even if has_bytes: to
 * wait for a writable socket would then never wait. */
bool tls_wants_write(const struct tls *tls, bool has_bytes);
bool tls_in_handshake(const struct tls *tls);
/* In words, without the host's name; "" before the first failure. */
const char *tls_error(const struct tls *tls);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds and connects a link's server: REDIS_URL names the server itself, or sentinels, which are
 * queried for the master before each connection. Never blocks. */
#ifndef STORE_ENDPOINT_H
#define STORE_ENDPOINT_H

#include "app/base/redis_url.h"
#include "app/store/transport.h"

struct endpoint;

/* Makes an endpoint without a connection. config and url must outlive the result. Returns NULL when
 * out of memory or of descriptors. */
struct endpoint *endpoint_new(const struct config *config, const struct redis_url *url);
/* Returns whether the files for TLS (certificates and key) can be used; true if the endpoint does
 * not use TLS. False with the setting and the reason in ret_error. */
bool endpoint_check_files(struct endpoint *endpoint, char ret_error[TLS_ERROR_SIZE]);
/* Closes the connection and frees the endpoint; accepts NULL. */
void endpoint_free(struct endpoint *endpoint);
/* Returns the transport, which reads and writes the bytes of the connection once it has a socket.
 */
struct transport *endpoint_transport(struct endpoint *endpoint);

/* Begins to connect: queries the sentinels or, if REDIS_URL names none, resolves the host name. */
void endpoint_open(struct endpoint *endpoint, int64_t now_us);
/* Continues until a socket exists; to be called while endpoint_has_socket() is false. has_waited:
 * use what earlier queries found instead of replies that have not arrived yet. *ret_changed:
 * endpoint_fd() is another descriptor now, perhaps with the same number. Returns false on failure,
 * with the reason in endpoint_error(). */
bool endpoint_advance(struct endpoint *endpoint, bool has_waited, bool *ret_changed);
/* Returns whether there is a socket to Redis, connected or still connecting: the sentinels have
 * named the master, and its host name is resolved. */
bool endpoint_has_socket(const struct endpoint *endpoint);
/* Returns whether endpoint_advance() with has_waited can continue before all sentinels or name
 * servers have replied, because an earlier reply has given an address. */
bool endpoint_knows_address(const struct endpoint *endpoint);
/* Closes the connection. has_succeeded: the server was the right one; otherwise the next attempt
 * uses another server, if several are known. */
void endpoint_close(struct endpoint *endpoint, bool has_succeeded);

/* Checks by the sentinels whether the server is still the master. To be called about once a second
 * while the server is used; queries only every few seconds. A server that is cut off from the
 * sentinels and its replicas does not know that a replica has become master, and what is written to
 * it will be lost. Returns false when most sentinels name another server. */
bool endpoint_verify(struct endpoint *endpoint, int64_t now_us);

/* Returns the descriptor to poll: readable when endpoint_advance() can continue, or the socket. -1:
 * none. */
int endpoint_fd(const struct endpoint *endpoint);
/* Returns in words why the connection to Redis failed; it may name the host and the user. */
const char *endpoint_error(const struct endpoint *endpoint);
/* Returns whether endpoint_error() may be shown to all: it names no host or user, and says what an
 * operator has to do. */
bool endpoint_error_is_public(const struct endpoint *endpoint);
/* Returns what the connection is waiting for, in words, for messages about a timeout. */
const char *endpoint_awaits(const struct endpoint *endpoint);

#endif

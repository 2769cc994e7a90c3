/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way of a link to its server: REDIS_URL names the server itself, or sentinels, which are
 * queried for the master before each connection. Never waits. */
#ifndef STORE_ENDPOINT_H
#define STORE_ENDPOINT_H

#include "app/base/redis_url.h"
#include "app/store/transport.h"

struct endpoint;

/* Makes an endpoint without a connection. config and url must outlive the result. Returns NULL when
 * out of memory or of descriptors. */
struct endpoint *endpoint_new(const struct config *config, const struct redis_url *url);
/* Returns whether the files for TLS, if the endpoint uses TLS, can be used. False with the setting
 * and the reason in ret_error. */
bool endpoint_check_files(struct endpoint *endpoint, char ret_error[TLS_ERROR_SIZE]);
/* Closes the connection and frees the endpoint; accepts NULL. */
void endpoint_free(struct endpoint *endpoint);
/* Returns the transport, which reads and writes the bytes of the connection once it has a socket.
 */
struct transport *endpoint_transport(struct endpoint *endpoint);

/* Begins to query the sentinels, or to resolve the host name. */
void endpoint_open(struct endpoint *endpoint, int64_t now_us);
/* Continues until the socket connects; to be called while endpoint_has_socket() is false.
 * has_waited: what is known from before is used in the place of replies that have not come.
 * *ret_changed: endpoint_fd() is another descriptor now, maybe with the same number. False: it
 * failed, and endpoint_error() has the reason. */
bool endpoint_advance(struct endpoint *endpoint, bool has_waited, bool *ret_changed);
/* Returns whether there is a socket of Redis that connects or is connected: the sentinels have
 * named the master, and its host name is resolved. */
bool endpoint_has_socket(const struct endpoint *endpoint);
/* Returns whether it is worth to call endpoint_advance() with has_waited, before all replies of
 * sentinels or name servers have come: an address is known by an earlier one. */
bool endpoint_knows_address(const struct endpoint *endpoint);
/* Closes the connection. has_succeeded: the server was the right one; else the next attempt is made
 * with another one, if several are known. */
void endpoint_close(struct endpoint *endpoint, bool has_succeeded);

/* Queries the sentinels now and then whether the server is still the master: a server that was cut
 * off from the sentinels and from its replicas does not know that a replica was made master, and
 * what is written to it will be lost. To be called about once a second while the server is used.
 * False: most sentinels name another server. */
bool endpoint_verify(struct endpoint *endpoint, int64_t now_us);

/* Returns the descriptor to poll: readable when endpoint_advance() can continue, or the socket. -1:
 * none. */
int endpoint_fd(const struct endpoint *endpoint);
/* Returns in words why the connection to Redis failed; it may name the host and the user. */
const char *endpoint_error(const struct endpoint *endpoint);
/* Returns whether anybody may read endpoint_error(): it names no host or user, but says what an
 * operator has to do. */
bool endpoint_error_is_public(const struct endpoint *endpoint);
/* Returns what the connection waits for, in words, for messages about a time limit. */
const char *endpoint_awaits(const struct endpoint *endpoint);

#endif

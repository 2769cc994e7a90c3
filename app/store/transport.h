/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bytes of one connection to a server (Redis or a sentinel), plain or with TLS: resolves the
 * host, connects, reads and writes, and never waits. Its owner polls transport_fd() and has the
 * time limits. */
#ifndef STORE_TRANSPORT_H
#define STORE_TRANSPORT_H

#include <hiredis/sds.h>

#include "app/store/tls_files.h"

struct transport;

/* A closed transport, by TLS with these files, which must outlive it; plain if files is NULL.
 * Returns NULL when out of memory. */
struct transport *transport_new(struct tls_files *files);
void transport_free(struct transport *transport); /* accepts NULL */
/* Sets the server of the later connections; this or transport_set_path must be called before the
 * first transport_open. The host is copied. False: out of memory. */
bool transport_set_host(struct transport *transport, const char *host, int port);
/* Sets the path of the Unix socket of the later connections. It must outlive the transport. */
void transport_set_path(struct transport *transport, const char *path);

/* Starts to resolve the host. */
void transport_open(struct transport *transport);
/* Connects when the address is known; to be called until the socket is there, when transport_fd()
 * is readable or the time has come. has_waited: a known address is used, although the name server
 * has not replied yet. False: it failed, and transport_error() has the reason. */
bool transport_advance(struct transport *transport, bool has_waited);
/* False while the address is not known. */
bool transport_has_socket(const struct transport *transport);
/* True if an earlier lookup has found addresses, or the host is one. */
bool transport_knows_address(const struct transport *transport);
/* has_succeeded: the server was the right one. If not, and the host has several addresses, the next
 * connection is made to another one. */
void transport_close(struct transport *transport, bool has_succeeded);

/* Returns the number of bytes; 0: none have arrived; -1: the connection has ended. *ret_more: there
 * may be more, although the socket does not become readable again. */
ssize_t transport_read(struct transport *transport, char *buffer, size_t size, bool *ret_more);
/* Writes as many of the bytes as are accepted, and removes them from *bytes. False: the connection
 * has ended, or *bytes is NULL, as there is no memory for an empty string. */
bool transport_write(struct transport *transport, sds *bytes);
/* Whether the socket must become writable before more can be done. */
bool transport_wants_write(const struct transport *transport, bool has_bytes);

/* The socket, or before it a descriptor that becomes readable when the host is resolved; -1: there
 * is none. */
int transport_fd(const struct transport *transport);
/* Why the connection failed, in words. */
const char *transport_error(const struct transport *transport);
/* Whether the text says what is wrong with the settings and names no host or user, so that anybody
 * may read it. */
bool transport_error_is_public(const struct transport *transport);
/* What the connection waits for; for messages about a time limit. */
const char *transport_awaits(const struct transport *transport);

#endif

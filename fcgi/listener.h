/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The listening socket of the pool. */
#ifndef FCGI_LISTENER_H
#define FCGI_LISTENER_H

/* Returns file descriptor 0 if it is a listening socket (spawn-fcgi, systemd). Otherwise creates a
 * Unix socket at path and replaces what is there; path may be NULL or empty. Returns -1 on failure
 * with a message on stderr. */
int listener_open(const char *path);

#endif

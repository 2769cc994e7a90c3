/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The listening socket that the processes of the pool share. */
#ifndef FCGI_LISTENER_H
#define FCGI_LISTENER_H

/* Returns file descriptor 0 if it is a listening socket (passed by spawn-fcgi or systemd).
 * Otherwise creates a Unix socket at path, replaces a file that exists there, and returns its
 * descriptor. Returns -1 with a message on stderr if path is NULL or empty, or if the socket cannot
 * be created. */
int listener_open(const char *path);

#endif

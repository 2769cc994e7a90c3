/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The listening socket. */
#ifndef FCGI_LISTENER_H
#define FCGI_LISTENER_H

/* File descriptor 0 when it listens (spawn-fcgi, systemd), else a socket made at path, whatever was
 * there before; path may be NULL or empty. -1 with a line on stderr. */
int listener_open(const char *path);

#endif

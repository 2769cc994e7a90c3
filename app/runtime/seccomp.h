/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Restricts the system calls of a server process. */
#ifndef RUNTIME_SECCOMP_H
#define RUNTIME_SECCOMP_H

#include <stdbool.h>

/* From here on the kernel refuses (EPERM) to this process and all its threads the calls that only
 * an intruder would use: other programs, memory of other processes, mounts, namespaces, kernel
 * modules, keys, BPF. Needs no_new_privs. Returns false where kernel or architecture has no such
 * filter; nothing has changed then. Filters of systemd and containers apply in addition. */
bool seccomp_install_filter(void);

#endif

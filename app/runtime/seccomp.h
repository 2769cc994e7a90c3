/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Restricts the system calls of a server process by a seccomp filter of the Linux kernel. */
#ifndef RUNTIME_SECCOMP_H
#define RUNTIME_SECCOMP_H

#include <stdbool.h>

/* Makes the kernel refuse (EPERM), from now on, system calls that the engine never makes and an
 * intruder would make: starting programs, access to the memory of other processes, mounts,
 * namespaces, kernel modules, keys, BPF. The filter applies to this process and its later threads,
 * in addition to filters of systemd or containers. PR_SET_NO_NEW_PRIVS must be set before. Returns
 * false, without any change, if the kernel or the architecture has no such filters. */
bool seccomp_install_filter(void);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a process of ours asks the kernel for, and what it never will. */
#ifndef RUNTIME_SECCOMP_H
#define RUNTIME_SECCOMP_H

#include <stdbool.h>

/* From here on the kernel refuses (EPERM) this process and all its threads what only an intruder
 * would ask for: other programs, other processes' memory, mounts, name spaces, modules, keys, bpf.
 * Needs no_new_privs. False where the kernel or the processor has no such filter; then nothing has
 * changed. systemd's units and containers have filters of their own, which come on top. */
bool seccomp_install_filter(void);

#endif

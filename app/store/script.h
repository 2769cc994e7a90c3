/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Lua scripts that Redis runs for us: each one is all or nothing. Their texts stand beside the
 * records that they change; scripts.def lists them. */
#ifndef STORE_SCRIPT_H
#define STORE_SCRIPT_H

#include "app/base/str.h"

struct script {
    const char *name;
    struct str body;
    char sha1[41]; /* filled by scripts_prepare */
};

#define SCRIPT(name) extern struct script script_##name;
#include "app/store/scripts.def"
#undef SCRIPT

/* Once at start, before the first ask. */
void scripts_prepare(void);
/* All scripts, for loading them into a fresh connection. */
size_t scripts_all(struct script *const **ret_scripts);

#endif

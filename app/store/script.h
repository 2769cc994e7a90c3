/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Lua scripts that run inside Redis: each one is applied whole or not at all. Their sources are
 * the files of app/store/lua, which scripts/embed-lua turns into C at build time; scripts.def lists
 * them. */
#ifndef STORE_SCRIPT_H
#define STORE_SCRIPT_H

#include "app/base/str.h"

struct script {
    const char *name;
    const char *sha1; /* of body, 40 hex digits: the name by which EVALSHA calls it */
    struct str body;
};

#define SCRIPT(name) extern const struct script script_##name;
#include "app/store/scripts.def"
#undef SCRIPT

/* All scripts, in the order of scripts.def. Returns how many. */
size_t scripts_all(const struct script *const **ret_scripts);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Lua scripts that run inside Redis. Redis runs a script atomically: no other command runs in
 * between. The sources are the files of app/store/lua, which scripts/embed-lua turns into C at
 * build time; scripts.def lists them. */
#ifndef STORE_SCRIPT_H
#define STORE_SCRIPT_H

#include "app/base/str.h"

struct script {
    const char *name; /* file name without .lua */
    const char *sha1; /* SHA-1 of body as 40 hexadecimal digits, by which EVALSHA calls it */
    struct str body;  /* source text */
};

/* Declares script_NAME for each script in scripts.def. */
#define SCRIPT(name) extern const struct script script_##name;
#include "app/store/scripts.def"
#undef SCRIPT

/* Sets *ret_scripts to an array of all scripts, in the order of scripts.def. Returns their number.
 */
size_t scripts_all(const struct script *const **ret_scripts);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/script.h"

static const struct script *const all_scripts[] = {
#define SCRIPT(name) &script_##name,
#include "app/store/scripts.def"
#undef SCRIPT
};

size_t scripts_all(const struct script *const **ret_scripts)
{
    *ret_scripts = all_scripts;
    return sizeof(all_scripts) / sizeof(all_scripts[0]);
}

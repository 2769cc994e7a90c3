/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/script.h"

#include <openssl/evp.h>

#include "app/base/ids.h"

static struct script *const all_scripts[] = {
#define SCRIPT(name) &script_##name,
#include "app/store/scripts.def"
#undef SCRIPT
};

size_t scripts_all(struct script *const **ret_scripts)
{
    *ret_scripts = all_scripts;
    return sizeof(all_scripts) / sizeof(all_scripts[0]);
}

/* Redis names scripts by SHA-1; nothing secret hangs on it. */
void scripts_prepare(void)
{
    for (size_t i = 0; i < sizeof(all_scripts) / sizeof(all_scripts[0]); i++) {
        struct script *s = all_scripts[i];
        unsigned char sha1[EVP_MAX_MD_SIZE];
        unsigned int n = 0;

        if (EVP_Digest(s->body.p, s->body.n, sha1, &n, EVP_sha1(), NULL) == 1)
            hex_print(sha1, n, s->sha1);
    }
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzzes HTTP Basic: the first line is an Authorization header, the rest the file with the keys and
 * hashes. Nobody is let in by a file without a line of that key and hash, nor by a file with the
 * hash of a secret that no input contains; and only as a service with a valid id. */
#include <stdint.h>
#include <stdlib.h>

#include "app/auth/basic.h"
#include "app/base/base64.h"
#include "app/base/credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_require(bool holds)
{
    if (!holds)
        abort();
}

/* Whether the engine would start with the file. Sets *ret_n to the number of its credentials. */
static bool fuzz_list_is_valid(const char *list, size_t *ret_n)
{
    struct str text = str_of(list);
    struct credential credential = {.line = 0};

    for (*ret_n = 0; credentials_next(&text, &credential); ++*ret_n)
        if (credential_fault(&credential))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct config known = {
        .xapi_credentials =
            "key:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef:"};
    struct arena *arena = arena_new(4096, 1 << 20);
    struct str text = arena_copy(arena, (struct str){(const char *)data, size});
    struct str header = str_cut(&text, '\n');
    struct str list = arena_copy(arena, text); /* ends with a NUL byte */
    const struct config config = {.xapi_credentials = list.p};
    struct principal principal;
    size_t n;

    if (list.p && fuzz_list_is_valid(list.p, &n) &&
        basic_verify(&config, header, arena, &principal))
        fuzz_require(n > 0 && principal.role == ROLE_SERVICE && id_valid(principal.user) &&
                     str_starts_with(principal.user, STR("xapi:")));
    fuzz_require(!basic_verify(&known, header, arena, &principal));
    arena_free(arena);
    return 0;
}

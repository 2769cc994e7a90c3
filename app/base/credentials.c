/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/credentials.h"

#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/base/percent.h"

/* Skips empty lines and comments, and splits the next line at its colons. ret->line counts all
 * lines. The note after the second colon is for people and is ignored. */
bool credentials_next(struct str *text, struct credential *ret)
{
    while (text->n > 0) {
        struct str line = str_trim(str_cut(text, '\n'));

        ret->line++;
        if (line.n == 0 || line.p[0] == '#')
            continue;
        ret->key = str_cut(&line, ':');
        ret->hash = str_cut(&line, ':');
        return true;
    }
    return false;
}

/* The key becomes part of a user id, so it may have only the characters of an id. */
const char *credential_fault(const struct credential *credential)
{
    struct str hash = credential->hash;

    if (!id_valid(credential->key) || credential->key.n > CREDENTIAL_KEY_MAX)
        return "the key has not 1 to 64 of A-Z a-z 0-9 . _ ~ @ | + = -";
    if (hash.n != DIGEST_HEX_SIZE - 1)
        return "the hash of the secret has not 64 hexadecimal digits (SHA-256)";
    for (size_t i = 0; i < hash.n; i++)
        if (hex_digit(hash.p[i]) < 0)
            return "the hash of the secret has not 64 hexadecimal digits (SHA-256)";
    return NULL;
}

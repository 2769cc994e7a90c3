/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads public keys in the forms in which identity providers publish them: PEM (public keys, PKCS
 * #1 keys, certificates; also with the two characters \n instead of line breaks, as in environment
 * variables), the base64 of a key or certificate without PEM lines, and a JWK Set (RFC 7517). */
#ifndef AUTH_PUBLIC_KEYS_H
#define AUTH_PUBLIC_KEYS_H

#include "app/auth/token_keys.h"

/* Adds the keys of the text to *ret. Each must suit the algorithm, except in a JWK Set, which often
 * has keys for several purposes: only those that suit it are added. The dates of a certificate are
 * not checked; its key is valid as long as the file contains it. Returns false, with a line that
 * names JWT_PUBLIC_KEY_FILE, when a key is invalid or there is none. */
bool public_keys_parse(struct str text, const char *algorithm, struct token_keys *ret,
                       char ret_error[200]);
/* Adds to *ret the keys of a JWK Set that suit the algorithm. Returns false, with a line that names
 * `setting`, when the text is not a JWK Set (the only form that a provider's server sends) or has
 * no such key. */
bool public_keys_parse_set(struct str text, const char *setting, const char *algorithm,
                           struct token_keys *ret, char ret_error[200]);

#endif

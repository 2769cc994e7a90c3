/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decodes base64 (RFC 4648) strictly: each byte string has exactly one accepted text. White space,
 * characters outside of the alphabet and unused bits that are set are refused. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "app/base/arena.h"

/* base64_decode and base64url_decode return decoded bytes in the arena with a NUL after them, which
 * the length does not count. */

/* Decodes the standard alphabet (+ and /) with padding: RFC 4648, section 4. The p of the result is
 * NULL when the text is not valid or when out of memory. */
struct str base64_decode(struct str text, struct arena *arena);
/* Decodes the URL alphabet (- and _) without padding, as tokens use it (RFC 7515): RFC 4648,
 * section 5. The p of the result is NULL when the text is not valid or when out of memory. */
struct str base64url_decode(struct str text, struct arena *arena);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decodes base64 (RFC 4648) strictly: each byte string has exactly one accepted text. White space,
 * characters outside of the alphabet and unused bits that are set are refused. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "app/base/arena.h"

/* Both functions return decoded bytes in the arena with a NUL after them, which the length does
 * not count. The p of the returned text is NULL when the argument is not
 * valid base64, or when out of memory. */

/* Standard alphabet (+ and /) with padding: section 4 of the RFC. */
struct str base64_decode(struct str text, struct arena *arena);
/* URL alphabet (- and _) without padding: section 5 of the RFC, as tokens use it (RFC 7515). */
struct str base64url_decode(struct str text, struct arena *arena);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base64url without padding (RFC 4648 section 5, RFC 7515 appendix C), decoded strictly: each byte
 * string has exactly one accepted text. Padding, white space, other letters, a length of 1 mod 4
 * and unused bits that are set are refused. */
#ifndef AUTH_BASE64URL_H
#define AUTH_BASE64URL_H

#include "app/base/arena.h"

/* The bytes, in the arena, NUL-terminated behind their end; p is NULL when text is not canonical or
 * memory is short. */
struct str base64url_decode(struct str text, struct arena *arena);

#endif

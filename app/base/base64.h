/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Base64 with the standard alphabet and padding (RFC 4648 section 4). */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "app/base/arena.h"

/* Strict: no white space, padding as it must be, unused bits 0. The result ends with a NUL that
 * does not count; p is NULL for what is not base64, or without memory. */
struct str base64_decode(struct str text, struct arena *arena);

#endif

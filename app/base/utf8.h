/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks and writes UTF-8 by table 3-7 of the Unicode standard: overlong forms, surrogates and
 * codes beyond U+10FFFF are refused. NUL is accepted like any other character. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "app/base/str.h"

/* Returns whether the whole text is well-formed UTF-8. */
bool utf8_valid(struct str text);
/* Returns the length in bytes of the character at p, where n > 0 bytes are readable. When these
 * bytes do not begin with a well-formed character, *ret_valid is false and the length is that of
 * the bytes which one U+FFFD replaces: the longest part that could begin a character, at least 1
 * byte (Unicode, section 3.9). */
size_t utf8_sequence(const char *p, size_t n, bool *ret_valid);
/* Writes a character as 1 to 4 bytes and returns how many. code: at most 0x10ffff, not a
 * surrogate. */
size_t utf8_put(uint32_t code, char *ret);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* UTF-8 by table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing beyond
 * U+10FFFF. NUL is a character like others. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "app/base/str.h"

bool utf8_valid(struct str text);
/* Length in bytes of the character at p, of which n > 0 bytes are there. When these are not
 * well-formed *ret_valid is false and the length is that of the bytes which one U+FFFD replaces
 * (Unicode, section 3.9: the longest start of a character, at least 1). */
size_t utf8_sequence(const char *p, size_t n, bool *ret_valid);
/* Writes 1 to 4 bytes and returns how many. code: at most 0x10ffff, not a surrogate. */
size_t utf8_put(uint32_t code, char *ret);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Percent-decoding (RFC 3986, section 2.1), of queries and of headers. */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include "app/base/str.h"

int hex_digit(char c); /* 0 to 15, either case; -1 for any other byte */
/* Writes the decoded bytes to ret, which has room for text.n bytes and may be text.p itself, and
 * their number to *ret_n. plus_is_space: as in the query of a form. False when a % is not followed
 * by two hexadecimal digits. The result may hold any bytes, NUL too. */
bool percent_decode(struct str text, bool plus_is_space, char *ret, size_t *ret_n);

#endif

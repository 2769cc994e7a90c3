/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Percent-decoding (RFC 3986, section 2.1), of queries and of headers. */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include "app/base/str.h"

int hex_digit(char c); /* value of a hexadecimal digit in either case; -1: another byte */
/* Writes the decoded bytes to ret, which has room for text.n bytes and may be text.p itself.
 * *ret_n is the number of decoded bytes. plus_is_space: also decodes + to a space, as in the query
 * of a form. Returns false when a % is not followed by two hexadecimal digits. The result may
 * contain any bytes, even NUL. */
bool percent_decode(struct str text, bool plus_is_space, char *ret, size_t *ret_n);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints and rounds numbers as responses show them (docs/api.md, Numbers). */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stddef.h>

enum { NUMBER_TEXT_MAX = 32 }; /* bytes, with the NUL */

/* Prints the shortest decimal that reads back as the same double, in the notation of ECMAScript's
 * Number::toString (RFC 8785, section 3.2.2.3), for example 0.83, 1e+21 or 5e-324; -0 is printed
 * as 0. value must be finite. The result does not depend on the locale. Returns the length of the
 * text, which is NUL-terminated. */
size_t number_print(double value, char ret_text[NUMBER_TEXT_MAX]);

/* Rounds to 12 decimals, as every computed score is. Works on the exact binary value and rounds
 * ties to even: 0.3999999999995 gives 0.399999999999, because the double nearest to it is a little
 * smaller. */
double number_round12(double value);

double number_clamp(double value, double low, double high); /* value limited to [low, high] */

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers as the contract prints and rounds them. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stddef.h>

enum { NUMBER_TEXT_MAX = 32 };

/* Shortest decimal that reads back as the same double, in the notation of ECMAScript's
 * Number::toString (RFC 8785 section 3.2.2.3): 0.83, 1e+21, 5e-324, -0 as 0. value must be finite.
 * Independent of the locale. Returns the length; the text is NUL-terminated. */
size_t number_print(double value, char ret_text[NUMBER_TEXT_MAX]);

/* To 12 decimals, exact on the binary value, half to even: how every computed score is rounded
 * (test vectors: 0.3999999999995 gives 0.399999999999). */
double number_round12(double value);

double number_clamp(double value, double low, double high);

#endif

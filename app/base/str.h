/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A piece of text: pointer and length, not owned, not NUL-terminated unless its maker says so.
 * Everything inside the engine passes text as struct str; C strings live only at the edges. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

struct str_list {
    struct str *v;
    size_t n;
};

/* STR for expressions, STR_INIT for static initialisers; both take a string literal only. */
#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_INIT(literal)                                                                          \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
/* For printf: printf("%.*s", STR_ARG(s)). Texts printed so are far below INT_MAX. */
#define STR_ARG(s) (int)(s).n, (s).p

/* NULL gives the empty text. */
struct str str_of(const char *text);
bool str_equal(struct str a, struct str b);
bool str_equal_nocase(struct str a, struct str b); /* ASCII only */
bool str_starts_with(struct str s, struct str prefix);
int str_compare(struct str a, struct str b); /* by bytes, then length: as strcmp */
/* The part of *rest before the separator; *rest moves behind it (and is empty at the end). */
struct str str_cut(struct str *rest, char separator);
struct str str_trim(struct str s); /* spaces, tabs, CR and LF at both ends */

/* Whole-text, locale-free number parsers: no spaces, no '+', nothing left over, in [min, max].
 * False leaves *ret untouched. Integers are taken only as they would be printed: not 007 or -0. */
bool str_to_int64(struct str s, int64_t min, int64_t max, int64_t *ret);
/* Grammar of a JSON number; false as well when it is not finite. */
bool str_to_double(struct str s, double *ret);

#endif

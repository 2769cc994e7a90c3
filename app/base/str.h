/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A text as pointer and length: not owned, and NUL-terminated only where a function says so.
 * Everything inside the engine passes text as struct str; C strings occur only where libraries and
 * system calls need them. An empty text may have a NULL pointer. */
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

/* STR for expressions, STR_INIT for static initialisers; both work with string literals only. */
#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_INIT(literal)                                                                          \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
/* For printf: printf("%.*s", STR_ARG(s)). For texts far shorter than INT_MAX. */
#define STR_ARG(s) (int)(s).n, (s).p

/* NULL gives the empty text. */
struct str str_of(const char *text);
bool str_equal(struct str a, struct str b);
bool str_equal_nocase(struct str a, struct str b); /* ASCII only */
bool str_starts_with(struct str s, struct str prefix);
int str_compare(struct str a, struct str b); /* by bytes, then by length, as strcmp does */
/* Returns the text before the separator and moves *text past it; without a separator returns all of
 * *text and leaves it empty. */
struct str str_cut(struct str *text, char separator);
struct str str_trim(struct str s); /* without spaces, tabs, CR and LF at both ends */

void str_sort(struct str *texts, size_t n); /* by str_compare */
/* Whether the text is in a list that str_sort has sorted. */
bool str_sorted_has(const struct str_list *sorted, struct str text);

/* Both parse a whole text, independent of the locale: no spaces, no '+', nothing left over. False
 * leaves *ret untouched. Integers only in the form in which they are printed: 007 and -0 are
 * refused. */
bool str_to_int64(struct str s, int64_t min, int64_t max, int64_t *ret); /* in [min, max] */
/* Grammar of a JSON number (RFC 8259), correctly rounded; false too when it is beyond DBL_MAX. */
bool str_to_double(struct str s, double *ret);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A text as a pointer and a length. It does not own its bytes, and has a NUL at its end only where
 * a function says so. Everything inside the engine passes text as struct str; C strings occur only
 * where libraries and system calls need them. An empty text may have a NULL pointer. */
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
    struct str *v; /* array of n texts; may be NULL when n is 0 */
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

/* Returns the text of a C string; for NULL the empty text. */
struct str str_of(const char *text);
bool str_equal(struct str a, struct str b);
char ascii_lower(char c);                          /* A to Z as a to z; any other byte as it is */
bool str_equal_nocase(struct str a, struct str b); /* ignores the case of ASCII letters */
bool str_starts_with(struct str s, struct str prefix);
/* Returns a negative number, 0 or a positive one as a is before, equal to or after b: by bytes,
 * then by length, as strcmp does. */
int str_compare(struct str a, struct str b);
/* Returns the text before the first separator and moves *text past that separator. Without a
 * separator returns all of *text and makes *text empty. */
struct str str_cut(struct str *text, char separator);
struct str str_trim(struct str s); /* s without the spaces, tabs, CR and LF at both ends */

void str_sort(struct str *texts, size_t n); /* in the order of str_compare */
/* Returns whether the text is in a list that str_sort has sorted. */
bool str_sorted_has(const struct str_list *sorted, struct str text);

/* str_to_int64 and str_to_double parse a whole text, independent of the locale: spaces, a + before
 * the number and other characters after it are refused. When they return false, *ret is unchanged.
 * An integer is accepted only in the form in which it is printed: 007 and -0 are refused. */
/* Parses an integer; false also when it is outside of [min, max]. */
bool str_to_int64(struct str s, int64_t min, int64_t max, int64_t *ret);
/* Parses a decimal by the grammar of a JSON number (RFC 8259), correctly rounded. False also when
 * the magnitude is beyond DBL_MAX. */
bool str_to_double(struct str s, double *ret);

#endif

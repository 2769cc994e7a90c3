/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A text in an arena that grows at its end. An error stays set: the first append that fails for
 * lack of memory sets `failed`, and all later appends do nothing. So a writer appends without
 * checks and looks at `failed` once, at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "app/base/arena.h"

struct buf {
    char *p;     /* the text is not NUL-terminated; the address changes when the text grows */
    size_t n;    /* bytes of the text */
    size_t size; /* bytes allocated at p */
    struct arena *arena;
    bool failed; /* an append failed, mostly for lack of memory: the text is incomplete */
};

/* Starts an empty text in the arena. Nothing is allocated before the first append. */
void buf_init(struct buf *buf, struct arena *arena);
/* Allocates room for `more` bytes after the text; false when out of memory. */
bool buf_reserve(struct buf *buf, size_t more);
/* Append bytes, a text, a C string, a byte, and an integer as decimal digits. */
void buf_put(struct buf *buf, const void *bytes, size_t n);
void buf_str(struct buf *buf, struct str s);
void buf_text(struct buf *buf, const char *text);
void buf_char(struct buf *buf, char c);
void buf_int(struct buf *buf, int64_t value);
/* Appends the shortest decimal (number.h). A value that is not finite has none: it sets `failed`.
 */
void buf_number(struct buf *buf, double value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends s as a JSON string in quotes. Bytes that are not UTF-8 are replaced by U+FFFD. */
void buf_json_string(struct buf *buf, struct str s);
struct str buf_view(const struct buf *buf); /* the text, which is valid until the next append */

#endif

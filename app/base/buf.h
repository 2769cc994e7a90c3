/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A text that grows at its end, in an arena. Errors are sticky: the first append that fails sets
 * `failed` and all later ones do nothing, so a writer appends freely and checks once at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "app/base/arena.h"

struct buf {
    char *p; /* not NUL-terminated; moves when the text grows */
    size_t n;
    size_t size; /* bytes allocated at p */
    struct arena *arena;
    bool failed;
};

/* Allocates nothing before the first append. */
void buf_init(struct buf *buf, struct arena *arena);
bool buf_reserve(struct buf *buf, size_t more); /* makes room for so many bytes after the text */
void buf_put(struct buf *buf, const void *bytes, size_t n);
void buf_str(struct buf *buf, struct str s);
void buf_text(struct buf *buf, const char *text);
void buf_char(struct buf *buf, char c);
void buf_int(struct buf *buf, int64_t value);
void buf_number(struct buf *buf, double value); /* shortest decimal (number.h); finite only */
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Writes s as a JSON string in quotes. Bytes that are not UTF-8 are replaced by U+FFFD. */
void buf_json_string(struct buf *buf, struct str s);
struct str buf_view(const struct buf *buf); /* valid until the next append */

#endif

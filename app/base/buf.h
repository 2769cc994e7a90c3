/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text that grows at its end, in an arena. Appending is sticky: the first append that fails sets
 * failed and all later ones do nothing, so a writer appends freely and looks once at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "app/base/arena.h"

struct buf {
    char *p;
    size_t n;
    size_t size;
    struct arena *arena;
    bool failed;
};

/* Allocates nothing before the first append. */
void buf_init(struct buf *buf, struct arena *arena);
bool buf_reserve(struct buf *buf, size_t more); /* room for more bytes: buf->p + buf->n on */
void buf_put(struct buf *buf, const void *bytes, size_t n);
void buf_str(struct buf *buf, struct str s);
void buf_text(struct buf *buf, const char *text);
void buf_char(struct buf *buf, char c);
void buf_int(struct buf *buf, int64_t value);
void buf_number(struct buf *buf, double value); /* shortest decimal (number.h); finite only */
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As a JSON string in quotes. Input is UTF-8; what is not is written as U+FFFD. */
void buf_json_string(struct buf *buf, struct str s);
struct str buf_view(const struct buf *buf); /* valid until the next append */

#endif

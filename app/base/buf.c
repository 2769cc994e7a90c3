/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A text that grows in an arena. Growing copies to a larger piece; the old piece stays unused in
 * the arena until its reset, which is cheap because sizes double. */
#include "app/base/buf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "app/base/number.h"
#include "app/base/utf8.h"

enum { FIRST_SIZE = 256, INT_TEXT_MAX = 20 }; /* 20: "-9223372036854775808" */

void buf_init(struct buf *buf, struct arena *arena)
{
    *buf = (struct buf){.arena = arena};
}

static bool buf_move(struct buf *buf, size_t size)
{
    char *p = arena_alloc(buf->arena, size);

    if (!p)
        return false;
    if (buf->n > 0)
        memcpy(p, buf->p, buf->n);
    buf->p = p;
    buf->size = size;
    return true;
}

/* Doubles the size, so that n appended bytes cost O(n) copies in all. Near the cap of the arena,
 * where doubling fails, grows to just the size that is needed. */
static bool buf_grow(struct buf *buf, size_t more)
{
    size_t needed, doubled;

    if (buf->failed)
        return false;
    if (__builtin_add_overflow(buf->n, more, &needed)) {
        buf->failed = true;
        return false;
    }
    if (__builtin_mul_overflow(buf->size, 2, &doubled) || doubled < needed)
        doubled = needed;
    if (doubled < FIRST_SIZE)
        doubled = FIRST_SIZE;
    buf->failed = !buf_move(buf, doubled) && !buf_move(buf, needed);
    return !buf->failed;
}

bool buf_reserve(struct buf *buf, size_t more)
{
    return (!buf->failed && more <= buf->size - buf->n) || buf_grow(buf, more);
}

void buf_put(struct buf *buf, const void *bytes, size_t n)
{
    if (n == 0 || !buf_reserve(buf, n))
        return;
    memcpy(buf->p + buf->n, bytes, n);
    buf->n += n;
}

void buf_str(struct buf *buf, struct str s)
{
    buf_put(buf, s.p, s.n);
}

void buf_text(struct buf *buf, const char *text)
{
    buf_put(buf, text, strlen(text));
}

void buf_char(struct buf *buf, char c)
{
    if (buf_reserve(buf, 1))
        buf->p[buf->n++] = c;
}

void buf_int(struct buf *buf, int64_t value)
{
    char text[INT_TEXT_MAX];
    char *end = text + sizeof(text), *p = end;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        *--p = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (value < 0)
        *--p = '-';
    buf_put(buf, p, (size_t)(end - p));
}

void buf_number(struct buf *buf, double value)
{
    if (!isfinite(value))
        buf->failed = true;
    if (buf_reserve(buf, NUMBER_TEXT_MAX))
        buf->n += number_print(value, buf->p + buf->n);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;

    /* vsnprintf writes a NUL, which needs room but is not part of the text. */
    if (!buf_reserve(buf, 1))
        return;
    va_start(args, format);
    int n = vsnprintf(buf->p + buf->n, buf->size - buf->n, format, args);
    va_end(args);
    if (n < 0)
        buf->failed = true;
    if (n < 0 || (size_t)n < buf->size - buf->n) {
        buf->n += n < 0 ? 0 : (size_t)n;
        return;
    }
    /* The text was cut: now its length is known. */
    if (!buf_reserve(buf, (size_t)n + 1))
        return;
    va_start(args, format);
    (void)vsnprintf(buf->p + buf->n, (size_t)n + 1, format, args);
    va_end(args);
    buf->n += (size_t)n;
}

/* Characters that JSON takes as they are, and of one byte. */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* c: a control character, a quote or a backslash. */
static void buf_put_escaped(struct buf *buf, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    char text[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 0xf]};

    if (c >= 0x20)
        text[1] = (char)c;
    else if (letters[c])
        text[1] = letters[c];
    buf_put(buf, text, text[1] == 'u' ? sizeof(text) : 2);
}

/* Appends the one character at p that is not plain: escaped, or a UTF-8 sequence, or U+FFFD for
 * bytes that are not UTF-8. Returns how many of the n bytes at p it used. */
static size_t buf_put_special(struct buf *buf, const char *p, size_t n)
{
    bool valid;

    if ((unsigned char)p[0] < 0x80) {
        buf_put_escaped(buf, (unsigned char)p[0]);
        return 1;
    }
    size_t length = utf8_sequence(p, n, &valid);
    if (valid)
        buf_put(buf, p, length);
    else
        buf_str(buf, STR("\xef\xbf\xbd"));
    return length;
}

void buf_json_string(struct buf *buf, struct str s)
{
    size_t i = 0;

    (void)buf_reserve(buf, s.n < SIZE_MAX - 2 ? s.n + 2 : s.n);
    buf_char(buf, '"');
    while (i < s.n) {
        size_t start = i;
        while (i < s.n && is_plain((unsigned char)s.p[i]))
            i++;
        if (i > start)
            buf_put(buf, s.p + start, i - start);
        if (i < s.n)
            i += buf_put_special(buf, s.p + i, s.n - i);
    }
    buf_char(buf, '"');
}

struct str buf_view(const struct buf *buf)
{
    return buf->n > 0 ? (struct str){buf->p, buf->n} : STR("");
}

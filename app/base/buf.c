/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A text that grows. Growing copies the text to a larger piece of the arena. The old piece stays
 * allocated, unused, until the arena is reset. This wastes at most as much as the text takes,
 * because sizes double. */
#include "app/base/buf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "app/base/number.h"
#include "app/base/utf8.h"

enum {
    FIRST_SIZE = 256, /* bytes that the first append allocates, at least */
    INT_TEXT_MAX = 20 /* length of "-9223372036854775808" */
};

void buf_init(struct buf *buf, struct arena *arena)
{
    *buf = (struct buf){.arena = arena};
}

/* Moves the text to a new piece of size bytes in the arena. False when out of memory; the text
 * is then unchanged. */
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

/* Makes room for `more` bytes after the text. The size is doubled, so that appending n bytes one
 * by one copies O(n) bytes in total. Near the cap of the arena, where doubling fails, the text
 * gets exactly the size that is needed. False, with `failed` set, when out of memory. */
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

/* Makes sure that there is room for `more` bytes after the text, like buf_reserve. Inline, because
 * appending a byte is frequent and usually finds room, which then needs no function call. */
static inline bool buf_has_room(struct buf *buf, size_t more)
{
    return (!buf->failed && more <= buf->size - buf->n) || buf_grow(buf, more);
}

bool buf_reserve(struct buf *buf, size_t more)
{
    return buf_has_room(buf, more);
}

void buf_put(struct buf *buf, const void *bytes, size_t n)
{
    if (n == 0 || !buf_has_room(buf, n))
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
    if (buf_has_room(buf, 1))
        buf->p[buf->n++] = c;
}

/* Writes the digits from right to left into `text`. The magnitude is unsigned, because -INT64_MIN
 * does not fit into int64_t. */
void buf_int(struct buf *buf, int64_t value)
{
    char text[INT_TEXT_MAX];
    char *end = text + sizeof(text), *first = end;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        *--first = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (value < 0)
        *--first = '-';
    buf_put(buf, first, (size_t)(end - first));
}

void buf_number(struct buf *buf, double value)
{
    if (!isfinite(value))
        buf->failed = true; /* buf_has_room returns false from now on */
    if (buf_has_room(buf, NUMBER_TEXT_MAX))
        buf->n += number_print(value, buf->p + buf->n);
}

/* Formats directly into the free room after the text. When the result does not fit, the room is
 * enlarged to the length that vsnprintf returned, and the text is formatted a second time. */
void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;

    /* vsnprintf writes a NUL, which needs room but is not part of the text. */
    if (!buf_has_room(buf, 1))
        return;
    va_start(args, format);
    int length = vsnprintf(buf->p + buf->n, buf->size - buf->n, format, args);
    va_end(args);
    if (length < 0)
        buf->failed = true;
    if (length < 0 || (size_t)length < buf->size - buf->n) {
        buf->n += length < 0 ? 0 : (size_t)length;
        return;
    }
    /* The formatted text was cut, but its whole length is known now. */
    if (!buf_has_room(buf, (size_t)length + 1))
        return;
    va_start(args, format);
    (void)vsnprintf(buf->p + buf->n, (size_t)length + 1, format, args);
    va_end(args);
    buf->n += (size_t)length;
}

/* Returns whether a byte is an ASCII character that needs no escape in a JSON string. */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Appends the JSON escape of c, which is a control character, a quote or a backslash: \uXXXX, or
 * the short form of two characters where JSON has one. */
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

/* Appends the first character of the n bytes at p, which is_plain() does not accept: as a JSON
 * escape, as a UTF-8 sequence, or as U+FFFD for bytes that are not UTF-8. Returns how many of the
 * n bytes that character takes. */
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

/* Copies runs of plain characters as a whole, since most texts consist of one such run. Reserves
 * room for a text without escapes first; escapes make the buffer grow later. Sets buf->failed when
 * out of memory. */
void buf_json_string(struct buf *buf, struct str s)
{
    size_t i = 0;

    (void)buf_has_room(buf, s.n < SIZE_MAX - 2 ? s.n + 2 : s.n);
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

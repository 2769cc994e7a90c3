/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decodes base64; no other file does. The two alphabets differ in two characters and in the
 * padding, so one function decodes both. */
#include "app/base/base64.h"

enum { INVALID = 64 }; /* result of base64_value that no character of the alphabet has */

/* Returns the 6-bit value (0 to 63) of a base64 character, or INVALID. last_two: the two characters
 * of the alphabet for the values 62 and 63. */
static unsigned base64_value(char c, const char *last_two)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == last_two[0] ? 62 : c == last_two[1] ? 63 : INVALID;
}

/* Decodes a text without padding. Four characters hold three bytes: each character appends 6 bits
 * to `bits`, and each time that 8 or more bits are pending, the upper 8 of them are written. The p
 * of the result is NULL when out of memory or when the text is not canonical base64: the only one
 * that encodes its bytes. */
static struct str base64_decode_unpadded(struct str text, const char *last_two, struct arena *arena)
{
    const struct str invalid = {0};
    uint32_t bits = 0;
    unsigned pending = 0; /* count of low bits of `bits` that are not written yet: 0, 2, 4 or 6 */
    size_t n = 0;
    char *bytes = arena_alloc(arena, text.n / 4 * 3 + text.n % 4 * 3 / 4 + 1);

    if (!bytes || text.n % 4 == 1) /* a last group of one character has 6 bits, less than a byte */
        return invalid;
    for (size_t i = 0; i < text.n; i++) {
        unsigned value = base64_value(text.p[i], last_two);

        if (value == INVALID)
            return invalid;
        bits = bits << 6 | value;
        pending += 6;
        if (pending >= 8) {
            pending -= 8;
            bytes[n++] = (char)(bits >> pending & 0xff);
        }
    }
    bytes[n] = '\0';
    /* The last character may have bits beyond the last byte. They must be 0, else two different
     * texts would decode to the same bytes. */
    return (bits & ((1U << pending) - 1)) == 0 ? (struct str){bytes, n} : invalid;
}

/* Removes the padding, at most two = that make the length a multiple of 4, and decodes the
 * remaining text. */
struct str base64_decode(struct str text, struct arena *arena)
{
    if (text.n % 4 != 0)
        return (struct str){0};
    for (int i = 0; i < 2 && text.n > 0 && text.p[text.n - 1] == '='; i++)
        text.n--;
    return base64_decode_unpadded(text, "+/", arena);
}

struct str base64url_decode(struct str text, struct arena *arena)
{
    return base64_decode_unpadded(text, "-_", arena);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/base64.h"

enum { BITS = 6, BYTE = 8, INVALID = 64 };

static unsigned value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : INVALID;
}

struct str base64_decode(struct str text, struct arena *arena)
{
    const struct str none = {0};
    uint32_t bits = 0;
    unsigned count = 0;
    size_t n = 0;
    char *out;

    if (text.n % 4 != 0)
        return none;
    for (int i = 0; i < 2 && text.n > 0 && text.p[text.n - 1] == '='; i++)
        text.n--;
    out = arena_alloc(arena, text.n + 1);
    if (!out)
        return none;
    for (size_t i = 0; i < text.n; i++) {
        unsigned value = value_of(text.p[i]);

        if (value == INVALID)
            return none;
        bits = bits << BITS | value;
        count += BITS;
        if (count >= BYTE) {
            count -= BYTE;
            out[n++] = (char)(bits >> count & 0xff);
        }
    }
    out[n] = '\0';
    return (bits & ((1U << count) - 1)) == 0 ? (struct str){out, n} : none;
}

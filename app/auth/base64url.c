/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/auth/base64url.h"

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Writes n * 3 / 4 bytes. */
static bool decode(struct str text, char *ret)
{
    uint32_t bits = 0;
    unsigned held = 0; /* how many of the low bits are not written yet: 0, 2, 4 or 6 */
    for (size_t i = 0; i < text.n; i++) {
        int value = value_of(text.p[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *ret++ = (char)(bits >> held & 0xff);
        }
    }
    return held != 6 && (bits & ((1U << held) - 1)) == 0;
}

struct str base64url_decode(struct str text, struct arena *arena)
{
    size_t n = text.n / 4 * 3 + text.n % 4 * 3 / 4;
    char *bytes = arena_alloc(arena, n + 1);
    if (!bytes || !decode(text, bytes))
        return (struct str){0};
    bytes[n] = '\0';
    return (struct str){bytes, n};
}

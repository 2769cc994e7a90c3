/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads and writes UTF-8 sequences, for the JSON parser, the JSON writer and the decoder of
 * queries. */
#include "app/base/utf8.h"

/* The first byte determines the length. For some first bytes the second byte has a narrower range
 * than 0x80 to 0xbf, which excludes the forms that table 3-7 forbids. When a byte does not fit, the
 * loop ends and the number of bytes before it is returned. */
size_t utf8_sequence(const char *p, size_t n, bool *ret_valid)
{
    const unsigned char *bytes = (const unsigned char *)p;
    unsigned char low = 0x80, high = 0xbf; /* allowed range of the next byte */
    size_t length = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;

    *ret_valid = bytes[0] < 0x80;
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4)
        return 1;
    if (bytes[0] == 0xe0)
        low = 0xa0; /* a smaller second byte makes an overlong form */
    if (bytes[0] == 0xed)
        high = 0x9f; /* a greater second byte makes a surrogate */
    if (bytes[0] == 0xf0)
        low = 0x90; /* a smaller second byte makes an overlong form */
    if (bytes[0] == 0xf4)
        high = 0x8f; /* a greater second byte makes a code point beyond U+10FFFF */
    for (size_t i = 1; i < length; i++) {
        if (i == n || bytes[i] < low || bytes[i] > high)
            return i;
        low = 0x80;
        high = 0xbf;
    }
    *ret_valid = true;
    return length;
}

bool utf8_valid(struct str text)
{
    bool valid = true;

    for (size_t i = 0; i < text.n && valid;)
        i += utf8_sequence(text.p + i, text.n - i, &valid);
    return valid;
}

/* Fills the bytes from the last one to the first: the last ones get 6 bits of the code each, the
 * first one gets the bits that are left. */
size_t utf8_put(uint32_t code, char *ret)
{
    /* Bits of the first byte that show the length of the sequence, by that length. */
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    if (code < 0x80) {
        ret[0] = (char)code;
        return 1;
    }
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        ret[i] = (char)(0x80 | (code & 0x3f));
    ret[0] = (char)(lead[n] | code);
    return n;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Encodes "*ARGC\r\n", then for each argument "$LENGTH\r\n", its text and "\r\n". Computes the size
 * first, so that the buffer grows once for each command. */
#include "app/store/resp.h"

/* Returns the number of decimal digits of n. */
static size_t resp_digits(size_t n)
{
    size_t digits = 1;

    while (n >= 10) {
        n /= 10;
        digits++;
    }
    return digits;
}

/* Writes a type byte (* or $), the number n and the end of the line at p. Returns the position
 * after them. */
static char *resp_put_header(char *p, char type, size_t n)
{
    size_t digits = resp_digits(n);

    *p++ = type;
    for (size_t i = digits; i > 0; i--) {
        p[i - 1] = (char)('0' + n % 10);
        n /= 10;
    }
    return mempcpy(p + digits, "\r\n", 2);
}

/* Returns the number of bytes of an encoded command. */
static size_t resp_size(const struct str *argv, int argc)
{
    size_t size = 1 + resp_digits((size_t)argc) + 2;

    for (int i = 0; i < argc; i++)
        size += 1 + resp_digits(argv[i].n) + 2 + argv[i].n + 2;
    return size;
}

/* Writes into the free room of the sds string, then adds the number of bytes to its length. */
bool resp_append(sds *out, const struct str *argv, int argc)
{
    size_t size = resp_size(argv, argc);
    sds grown = sdsMakeRoomFor(*out, size);
    char *p;

    if (!grown)
        return false;
    *out = grown;
    p = resp_put_header(grown + sdslen(grown), '*', (size_t)argc);
    for (int i = 0; i < argc; i++) {
        p = resp_put_header(p, '$', argv[i].n);
        p = mempcpy(p, argv[i].p, argv[i].n);
        p = mempcpy(p, "\r\n", 2);
    }
    sdsIncrLen(grown, (int)size);
    return true;
}

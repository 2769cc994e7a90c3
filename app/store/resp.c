/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/resp.h"

static size_t digits_of(size_t n)
{
    size_t digits = 1;

    while (n >= 10) {
        n /= 10;
        digits++;
    }
    return digits;
}

/* A mark, a number, the end of a line. */
static char *put_count(char *p, char mark, size_t n)
{
    size_t digits = digits_of(n);

    *p++ = mark;
    for (size_t i = digits; i > 0; i--) {
        p[i - 1] = (char)('0' + n % 10);
        n /= 10;
    }
    return mempcpy(p + digits, "\r\n", 2);
}

static size_t size_of(const struct str *argv, int argc)
{
    size_t size = 1 + digits_of((size_t)argc) + 2;

    for (int i = 0; i < argc; i++)
        size += 1 + digits_of(argv[i].n) + 2 + argv[i].n + 2;
    return size;
}

bool resp_append(sds *out, const struct str *argv, int argc)
{
    size_t size = size_of(argv, argc);
    sds grown = sdsMakeRoomFor(*out, size);
    char *p;

    if (!grown)
        return false;
    *out = grown;
    p = put_count(grown + sdslen(grown), '*', (size_t)argc);
    for (int i = 0; i < argc; i++) {
        p = put_count(p, '$', argv[i].n);
        p = mempcpy(p, argv[i].p, argv[i].n);
        p = mempcpy(p, "\r\n", 2);
    }
    sdsIncrLen(grown, (int)size);
    return true;
}

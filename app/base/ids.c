/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ids are compared, stored and used in Redis keys as they are, so their characters are restricted.
 * Random bytes come only from getrandom. */
#include "app/base/ids.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static bool is_id_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool id_has_form(struct str s, size_t max, bool dot_allowed)
{
    if (s.n < 1 || s.n > max)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_id_char(s.p[i]) && !(dot_allowed && s.p[i] == '.'))
            return false;
    return true;
}

bool id_valid(struct str s)
{
    return id_has_form(s, ID_MAX, false);
}

bool request_id_valid(struct str s)
{
    return id_has_form(s, REQUEST_ID_MAX, true);
}

/* Reads the kernel's generator. Aborts when it fails, because ids and keys must never be
 * predictable. */
static void random_fill(unsigned char *bytes, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = getrandom(bytes + done, n - done, 0);
        if (got < 0 && errno != EINTR) {
            perror("getrandom");
            abort();
        }
        done += got < 0 ? 0 : (size_t)got;
    }
}

/* One system call fills the bytes of 32 UUIDs. Bytes that were returned are wiped here, because
 * they may be part of a secret. */
static struct {
    unsigned char bytes[512];
    size_t left;
} pool;

void random_bytes(void *ret, size_t n)
{
    if (n > sizeof(pool.bytes)) {
        random_fill(ret, n);
        return;
    }
    if (n > pool.left) {
        random_fill(pool.bytes, sizeof(pool.bytes));
        pool.left = sizeof(pool.bytes);
    }
    pool.left -= n;
    memcpy(ret, pool.bytes + pool.left, n);
    explicit_bzero(pool.bytes + pool.left, n);
}

void hex_print(const unsigned char *bytes, size_t n, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        ret_text[2 * i] = digits[bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[bytes[i] & 0xf];
    }
    ret_text[2 * n] = '\0';
}

void uuid_make(char ret_text[UUID_TEXT_SIZE])
{
    static const size_t groups[] = {4, 2, 2, 2, 6};
    unsigned char bytes[16];
    const unsigned char *from = bytes;
    char *to = ret_text;

    random_bytes(bytes, sizeof(bytes));
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40); /* version 4 (RFC 9562) */
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80); /* variant 10 */
    for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
        hex_print(from, groups[i], to);
        from += groups[i];
        to += 2 * groups[i];
        *to++ = '-';
    }
    to[-1] = '\0';
}

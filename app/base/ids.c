/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks and makes ids. Ids are compared and stored unchanged, in lists whose separators are spaces
 * or line feeds, and in Redis keys (store/keys.c), so their characters are restricted. Random bytes
 * come from getrandom only. */
#include "app/base/ids.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "app/base/last_message.h"

bool id_is_word_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* Returns whether s has 1 to max characters, all of A-Z a-z 0-9 _ - and those in `others`. */
static bool id_has_form(struct str s, size_t max, struct str others)
{
    if (s.n < 1 || s.n > max)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!id_is_word_char(s.p[i]) && !memchr(others.p, s.p[i], others.n))
            return false;
    return true;
}

/* The first character is restricted, so that no id is "." or "..", begins with = + or @ like a
 * formula in a spreadsheet, or equals AUDIT_ACTOR_SELF ("=", store/audit.h). */
bool id_valid(struct str s)
{
    return id_has_form(s, ID_MAX, STR(".~@:|+=")) && id_is_word_char(s.p[0]);
}

/* A request id has word characters and dots; it may begin with any of them, because it is only
 * copied to headers and logs. */
bool request_id_valid(struct str s)
{
    return id_has_form(s, REQUEST_ID_MAX, STR("."));
}

/* Fills n bytes from the kernel's random generator. getrandom may return fewer bytes than
 * requested, or be interrupted by a signal, and is then called again. Any other failure aborts,
 * because ids and keys must never be predictable. */
static void random_fill(unsigned char *bytes, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = getrandom(bytes + done, n - done, /* flags */ 0);
        if (got < 0 && errno != EINTR) {
            last_message(STR("the kernel refuses random bytes (getrandom)\n"));
            abort();
        }
        done += got < 0 ? 0 : (size_t)got;
    }
}

/* Random bytes that were read ahead: one system call is enough for 32 UUIDs. Bytes that were
 * returned are wiped here, because they may be part of a secret. */
static struct {
    unsigned char bytes[512];
    size_t left; /* the first `left` bytes are not used yet */
} random_pool;

/* Copies bytes from the end of the pool of random bytes and wipes them in the pool. Fills the pool
 * again when too few are left. More bytes than the pool can hold are read from the kernel directly.
 */
void random_bytes(void *ret, size_t n)
{
    if (n > sizeof(random_pool.bytes)) {
        random_fill(ret, n);
        return;
    }
    if (n > random_pool.left) {
        random_fill(random_pool.bytes, sizeof(random_pool.bytes));
        random_pool.left = sizeof(random_pool.bytes);
    }
    random_pool.left -= n;
    memcpy(ret, random_pool.bytes + random_pool.left, n);
    explicit_bzero(random_pool.bytes + random_pool.left, n);
}

/* Writes two digits for each byte, the upper half of the byte first, and a NUL at the end. */
void hex_print(const unsigned char *bytes, size_t n, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        ret_text[2 * i] = digits[bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[bytes[i] & 0xf];
    }
    ret_text[2 * n] = '\0';
}

/* Prints 16 bytes as a UUID, in groups with a dash after each; the NUL replaces the last dash. Four
 * bits are replaced by the version and two by the variant (RFC 9562). */
static void uuid_print(const unsigned char from[16], unsigned version,
                       char ret_text[UUID_TEXT_SIZE])
{
    static const size_t groups[] = {4, 2, 2, 2, 6};
    unsigned char bytes[16], *group = bytes;
    char *to = ret_text;

    memcpy(bytes, from, sizeof(bytes));
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | version << 4);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80); /* variant 10 */
    for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
        hex_print(group, groups[i], to);
        group += groups[i];
        to += 2 * groups[i];
        *to++ = '-';
    }
    to[-1] = '\0';
}

void uuid_make(char ret_text[UUID_TEXT_SIZE])
{
    unsigned char bytes[16];

    random_bytes(bytes, sizeof(bytes));
    uuid_print(bytes, /* version */ 4, ret_text);
}

void uuid_of_digest(const unsigned char digest[16], char ret_text[UUID_TEXT_SIZE])
{
    uuid_print(digest, /* version */ 5, ret_text);
}

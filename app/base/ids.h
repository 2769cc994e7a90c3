/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Identifiers: checks of their form, and random new ones. */
#ifndef BASE_IDS_H
#define BASE_IDS_H

#include "app/base/str.h"

enum { ID_MAX = 128, REQUEST_ID_MAX = 128, UUID_TEXT_SIZE = 37 }; /* bytes; 37 with the NUL */

/* The form of the ids of students, cohorts, topics and users: for messages, and as the regular
 * expression of JSON Schema. */
#define ID_FORM    "1 to 128 of A-Z a-z 0-9 . _ ~ @ : | + = -, the first a letter, a digit, _ or -"
#define ID_PATTERN "^[A-Za-z0-9_-][A-Za-z0-9._~@:|+=-]{0,127}$"

bool id_valid(struct str s);         /* whether the text has that form */
bool id_is_word_char(char c);        /* A-Z a-z 0-9 _ -, with which an id may begin */
bool request_id_valid(struct str s); /* 1..128 of A-Z a-z 0-9 . _ - */

/* Fills ret with n random bytes from the kernel (getrandom). The process reads some ahead into a
 * buffer. Aborts with a message when getrandom fails, which cannot happen after boot. A child
 * process that was forked without exec must not call this function: with its copy of the buffer it
 * would return the same bytes as its parent. */
void random_bytes(void *ret, size_t n);
/* Makes a random UUID of version 4, lower case, NUL-terminated. */
void uuid_make(char ret_text[UUID_TEXT_SIZE]);
/* Makes a UUID from the first 16 bytes of a digest: equal digests give equal UUIDs. Lower case,
 * NUL-terminated. Its version number is 5 ("made from a name") rather than 8 (RFC 9562), which
 * would be correct, because clients that only know the versions of RFC 4122, 1 to 5, refuse 8. */
void uuid_of_digest(const unsigned char digest[16], char ret_text[UUID_TEXT_SIZE]);
/* Writes 2n hexadecimal digits and a NUL. */
void hex_print(const unsigned char *bytes, size_t n, char *ret_text);

#endif

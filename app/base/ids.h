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

/* Fills ret with n random bytes of the kernel (getrandom), of which a buffer is kept in the
 * process. Aborts with a message when getrandom fails, which it does not do after boot. A child
 * after fork without exec must not call this: it has a copy of the buffer and would return the
 * same bytes as its parent. */
void random_bytes(void *ret, size_t n);
/* Makes a random UUID of version 4, lower case, NUL-terminated. */
void uuid_make(char ret_text[UUID_TEXT_SIZE]);
/* Makes a UUID of the first 16 bytes of a digest: equal digests give equal UUIDs. Lower case,
 * NUL-terminated. It says that it is of version 5, made of a name; version 8 (RFC 9562) would be
 * truer, but clients that know the versions of RFC 4122, 1 to 5, refuse it. */
void uuid_of_digest(const unsigned char digest[16], char ret_text[UUID_TEXT_SIZE]);
/* Writes 2n hexadecimal digits and a NUL. */
void hex_print(const unsigned char *bytes, size_t n, char *ret_text);

#endif

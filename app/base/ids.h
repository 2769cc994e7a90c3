/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Identifiers: checks of their form, and random new ones. */
#ifndef BASE_IDS_H
#define BASE_IDS_H

#include "app/base/str.h"

enum { ID_MAX = 64, REQUEST_ID_MAX = 128, UUID_TEXT_SIZE = 37 };

bool id_valid(struct str s);         /* 1..64 of A-Z a-z 0-9 _ - : students, cohorts, users */
bool request_id_valid(struct str s); /* 1..128 of A-Z a-z 0-9 . _ - */

/* Bytes of the kernel's random generator, buffered. Aborts with a message when the kernel fails,
 * which it does not once it has booted. A child after fork without exec must not use it: it would
 * return the same bytes as its parent. */
void random_bytes(void *ret, size_t n);
void uuid_make(char ret_text[UUID_TEXT_SIZE]); /* version 4, lower case, NUL-terminated */
void hex_print(const unsigned char *bytes, size_t n, char *ret_text); /* 2n digits, then NUL */

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The setting JWT_ROLE_MAP: which words of an identity provider mean which role, as a list
 * "word=role, word=role". A word may contain `=`; the last one of an entry separates the role.
 * base/config.c checks the form. */
#ifndef AUTH_ROLE_MAP_H
#define AUTH_ROLE_MAP_H

#include "app/auth/principal.h"

/* The role that the word means; ROLE_NONE: none. With an empty list the words are the names of the
 * roles. Otherwise only words of the list count: at some providers users choose the names of their
 * groups, and a group called admin must not make them administrators. */
enum role role_map_find(const char *map, struct str word);

#endif

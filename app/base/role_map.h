/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The setting JWT_ROLE_MAP: which words of an identity provider mean which role, as a list
 * "word=role, word=role". A word may contain `=`; the last one of an entry separates the role.
 * base/config_check.c checks the form; auth/token_claims.c looks words up. */
#ifndef BASE_ROLE_MAP_H
#define BASE_ROLE_MAP_H

#include "app/base/str.h"

struct role_map_entry {
    struct str text; /* the whole entry, for messages */
    /* the parts before and after `=`; both are empty when the entry has none */
    struct str word, role;
};

/* Cuts the next entry from the list and removes the white space around its word and role. An entry
 * without `=` is returned with empty word and role; the caller must refuse it. Returns false when
 * no entry is left. */
bool role_map_next(struct str *list, struct role_map_entry *ret);

#endif

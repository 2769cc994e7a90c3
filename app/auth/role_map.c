/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parses JWT_ROLE_MAP each time that a role is looked up: this happens once for a token, which is
 * cached afterwards. */
#include "app/auth/role_map.h"

/* The role of a user with this name. No token gives the sidecar's role, ROLE_SERVICE. */
static enum role role_named(struct str name)
{
    for (enum role role = ROLE_STUDENT; role <= ROLE_ADMIN; role++)
        if (str_equal(name, str_of(role_names[role])))
            return role;
    return ROLE_NONE;
}

/* Cuts the next entry from the list. *ret_role is ROLE_NONE, or *ret_word empty, when the entry has
 * another form. False: the list has no more entries. */
static bool role_map_next(struct str *list, struct str *ret_word, enum role *ret_role)
{
    struct str entry;
    const char *separator;

    if (list->n == 0)
        return false;
    entry = str_trim(str_cut(list, ','));
    separator = memrchr(entry.p, '=', entry.n);
    *ret_word = (struct str){entry.p, separator ? (size_t)(separator - entry.p) : 0};
    *ret_word = str_trim(*ret_word);
    *ret_role = ROLE_NONE;
    if (separator)
        *ret_role = role_named(
            str_trim((struct str){separator + 1, entry.n - (size_t)(separator + 1 - entry.p)}));
    return true;
}

enum role role_map_find(const char *map, struct str word)
{
    struct str list = str_trim(str_of(map)), entry;
    enum role role;

    if (list.n == 0)
        return role_named(word);
    while (role_map_next(&list, &entry, &role))
        if (str_equal(entry, word))
            return role;
    return ROLE_NONE;
}

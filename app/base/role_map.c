/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Splits JWT_ROLE_MAP into its entries. */
#include "app/base/role_map.h"

bool role_map_next(struct str *list, struct role_map_entry *ret)
{
    const char *separator;
    size_t word_n;

    *list = str_trim(*list);
    if (list->n == 0)
        return false;
    *ret = (struct role_map_entry){.text = str_trim(str_cut(list, ','))};
    separator = memrchr(ret->text.p, '=', ret->text.n);
    if (!separator)
        return true;
    word_n = (size_t)(separator - ret->text.p);
    ret->word = str_trim((struct str){ret->text.p, word_n});
    ret->role = str_trim((struct str){separator + 1, ret->text.n - word_n - 1});
    return true;
}

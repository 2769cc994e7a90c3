/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sorting and binary search over lists of texts. Nothing here copies the bytes of a text: a list
 * holds views, whose owner must outlive it. */
#include "app/base/str_list.h"

void str_list_sort(struct str_list *list)
{
    if (list->n > 1) /* n > 1 also because qsort must not get the NULL pointer of an empty list */
        str_sort(list->v, list->n);
}

/* Copies the views and sorts the copies. The array has room for one text more, so that its address
 * is not NULL even for an empty list: a NULL v of the result always means out of memory. */
struct str_list str_list_sorted_copy(struct arena *arena, struct str_list list)
{
    struct str_list copy = {arena_array(arena, list.n + 1, sizeof(struct str)), list.n};

    if (!copy.v)
        return (struct str_list){0};
    if (list.n > 0)
        memcpy(copy.v, list.v, list.n * sizeof(*list.v));
    str_list_sort(&copy);
    return copy;
}

bool str_list_contains(const struct str_list *sorted, struct str text)
{
    return sorted->n > 0 && str_sorted_has(sorted, text);
}

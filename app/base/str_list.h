/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of texts in byte order (str_compare), for look-ups and for an order that never varies. */
#ifndef BASE_STR_LIST_H
#define BASE_STR_LIST_H

#include "app/base/arena.h"

void str_list_sort(struct str_list *list); /* sorts the list in place */
/* Returns a sorted copy of the list; the copy shares the bytes of the texts with the original. The
 * v of the returned list is NULL only when out of memory: a copy of an empty list has a v, too. */
struct str_list str_list_sorted_copy(struct arena *arena, struct str_list list);
/* Returns whether the list, which must be sorted, holds the text. */
bool str_list_contains(const struct str_list *sorted, struct str text);

#endif

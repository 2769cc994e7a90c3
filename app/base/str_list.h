/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of texts in byte order (str_compare), for look-ups and for an order that never varies. */
#ifndef BASE_STR_LIST_H
#define BASE_STR_LIST_H

#include "app/base/arena.h"

void str_list_sort(struct str_list *list); /* in place */
/* A sorted copy of the list, which shares its texts. The result's v is NULL without memory, and
 * only then: an empty list gives a v too. */
struct str_list str_list_sorted_copy(struct arena *arena, struct str_list list);
/* Whether the list, which must be sorted, holds the text. */
bool str_list_contains(const struct str_list *sorted, struct str text);

#endif

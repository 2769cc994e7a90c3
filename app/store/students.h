/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All students that there are, page by page, for programs that look at everybody: SCAN over the
 * whole store. Who is there from first to last is shown, now and then twice. */
#ifndef STORE_STUDENTS_H
#define STORE_STUDENTS_H

#include "app/base/problem.h"
#include "app/store/store.h"

/* cursor: "0" at first, then what the last page said, until that is "0" again. */
struct command *students_cmd_page(struct pipeline *a, struct str cursor);
/* Texts point into the reply. */
bool students_parse_page(const struct command *command, struct arena *arena, struct str *ret_cursor,
                         struct str_list *ret_students, struct problem *p);

#endif

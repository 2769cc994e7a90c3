/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All students, page by page, for programs that process everybody: a SCAN of the whole store. A
 * student who exists from the first page to the last is returned at least once, perhaps twice. */
#ifndef STORE_STUDENTS_H
#define STORE_STUDENTS_H

#include "app/base/problem.h"
#include "app/store/pipeline.h"

/* cursor: "0" for the first page, then *ret_cursor of the page before, until that is "0". */
struct command *students_cmd_page(struct pipeline *pipeline, struct str cursor);
/* Texts point into the reply, the list is in the arena. */
bool students_parse_page(const struct command *command, struct arena *arena, struct str *ret_cursor,
                         struct str_list *ret_students, struct problem *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists all students, page by page, by a SCAN of all keys: for programs that process every student.
 * A student who exists from the first page to the last is returned at least once, and may be
 * returned twice. */
#ifndef STORE_STUDENTS_H
#define STORE_STUDENTS_H

#include "app/base/problem.h"
#include "app/store/pipeline.h"

enum { STUDENTS_PAGE_KEYS = 1000 }; /* keys of any kind that one page looks at */

/* Reads one page. cursor: "0" for the first page, then the *ret_cursor of the page before. When
 * *ret_cursor is "0", that page was the last one. */
struct command *students_cmd_page(struct pipeline *pipeline, struct str cursor);
/* Parses the reply to students_cmd_page. A page may have no students although further pages have
 * some. The list is in the arena; its texts point into the reply. False with p set when the reply
 * is an error or memory is short. */
bool students_parse_page(const struct command *command, struct arena *arena, struct str *ret_cursor,
                         struct str_list *ret_students, struct problem *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* History as a table: lines of student_id,date,completion,quiz,quality,consistency, in any order.
 * Lines end with LF or CRLF; a byte order mark and a first line of just these names may stand
 * there. Nothing else is let pass: no quotes, no spaces, no empty lines. */
#ifndef CTL_SEED_CSV_H
#define CTL_SEED_CSV_H

#include <stdio.h>

#include "app/ctl/seed_plan.h"

enum { SEED_CSV_MAX = 16 << 20 };

/* Reads text; good lines go into the plan, which points into text. Writes "NAME:LINE: …" to errors
 * for each line that is not good and returns their number; -1 without memory. A second line for
 * the same student and day is a bad one. */
long seed_csv_parse(struct str text, const char *name, int32_t today, struct arena *arena,
                    FILE *errors, struct seed_plan *ret);

#endif

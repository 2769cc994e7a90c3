/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parses history from CSV: lines of student_id,date,completion,quiz,quality,consistency, in any
 * order. Lines end with LF or CRLF; a byte order mark and a first line with exactly these names are
 * allowed. Quotes, spaces and empty lines are errors. */
#ifndef CTL_SEED_CSV_H
#define CTL_SEED_CSV_H

#include <stdio.h>

#include "app/ctl/seed_plan.h"

enum { SEED_CSV_MAX = 16 << 20 };

/* Parses text; valid lines become the plan, which points into text. Writes "NAME:LINE: REASON" to
 * errors for each invalid line. Returns the number of invalid lines, -1 without memory. A second
 * line for the same student and day is invalid. today: days since the epoch, UTC. */
long seed_csv_parse(struct str text, const char *name, int32_t today, struct arena *arena,
                    FILE *errors, struct seed_plan *ret);

#endif

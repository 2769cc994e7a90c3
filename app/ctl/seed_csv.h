/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parses history for mastery-ctl seed from CSV (csv.h). Each line is
 * student_id,date,completion,quiz,quality,consistency; the order of the lines does not matter. */
#ifndef CTL_SEED_CSV_H
#define CTL_SEED_CSV_H

#include <stdio.h>

#include "app/ctl/seed_plan.h"

/* Makes a plan in *ret of the valid lines of the text; it points into the text. For each invalid
 * line "NAME:LINE: REASON" is written to `errors`. A second line for the same student and day is
 * invalid. `today` is in days since the epoch, UTC. Returns the number of invalid lines, or -1 when
 * memory is exhausted. */
long seed_csv_parse(struct str text, const char *name, int32_t today, struct arena *arena,
                    FILE *errors, struct seed_plan *ret);

#endif

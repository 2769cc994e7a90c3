/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parses history for mastery-ctl seed from CSV (csv.h) with the columns student_id, date,
 * completion, quiz, quality and consistency; the order of the lines does not matter. */
#ifndef CTL_SEED_CSV_H
#define CTL_SEED_CSV_H

#include <stdio.h>

#include "app/ctl/seed_plan.h"

/* Makes a plan in *ret of the valid lines of the text; it points into the text. For each error
 * "NAME:LINE: COLUMN: REASON" is written to `errors`. A second line for the same student and day is
 * an error. `today` is in days since the epoch, UTC. Returns the number of errors, or -1 when
 * memory is exhausted. */
long seed_csv_parse(struct str text, const char *name, int32_t today, struct arena *arena,
                    FILE *errors, struct seed_plan *ret);

#endif

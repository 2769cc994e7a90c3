/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parses history for mastery-ctl seed from CSV (csv.h) with the columns student_id, date,
 * completion, quiz, quality and consistency; the order of the lines does not matter. */
#ifndef CTL_SEED_CSV_H
#define CTL_SEED_CSV_H

#include <stdio.h>

#include "app/ctl/seed_plan.h"

/* Makes a plan in *ret from the valid lines of the text, into which the plan points. Writes
 * "NAME:LINE: COLUMN: REASON" to `errors` for each error. A second line for the same student and
 * day is an error. today: days since the epoch, UTC. Returns the number of errors, or -1 when out
 * of memory. */
long seed_csv_parse(struct str text, const char *name, int32_t today, struct arena *arena,
                    FILE *errors, struct seed_plan *ret);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parses the results of learners in courses for mastery-ctl backtest from CSV (csv.h), and replays
 * them through the model of mastery. The columns of the file are learner, module, final_result,
 * day, assessment, type, weight and score: those of the Open University Learning Analytics Dataset
 * (Kuzilek, Hlosta and Zdrahal 2017). The order of the lines does not matter. Days are relative to
 * the beginning of the course. Of a type CMA (marked by computer) a result is a quiz of ten
 * questions with this score; of a type TMA (marked by a tutor) it is a complete medium exercise
 * with this score as its correctness. The columns assessment and weight are not used. */
#ifndef CTL_RESULTS_CSV_H
#define CTL_RESULTS_CSV_H

#include <stdio.h>

#include "app/base/arena.h"
#include "app/domain/daily.h"

enum final_result { RESULT_DISTINCTION, RESULT_PASS, RESULT_FAIL, RESULT_WITHDRAWN, FINAL_RESULTS };

struct results_learner {
    struct str id, module;
    int final_result;   /* enum final_result: distinction, pass, fail or withdrawn */
    struct daily *days; /* n days with results, in order of time */
    size_t n;
};

struct results {
    struct results_learner *learners; /* n, in order of id */
    size_t n;
    int32_t last_day; /* last day of all results */
};

/* Parses the text; *ret points into it. Writes "NAME:LINE: COLUMN: REASON" to `errors` for each
 * error. Returns the number of errors, or -1 when out of memory. *ret is filled only if there are
 * none. */
long results_csv_parse(struct str text, const char *name, struct arena *arena, FILE *errors,
                       struct results *ret);

#endif

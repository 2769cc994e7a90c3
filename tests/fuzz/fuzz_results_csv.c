/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as results of courses: whatever is let pass must be histories that can be judged. */
#include "app/ctl/results_csv.h"

#include <stdlib.h>

#include "app/base/ids.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_learner(const struct results_learner *learner, int32_t last_day)
{
    if (!id_valid(learner->id) || !id_valid(learner->module) || learner->n == 0 ||
        learner->final_result < 0 || learner->final_result >= FINAL_RESULTS)
        abort();
    for (size_t i = 0; i < learner->n; i++) {
        const struct daily *day = &learner->days[i];

        if (!(day->score >= 0 && day->score <= 1) || day->day > last_day ||
            (i > 0 && day->day <= learner->days[i - 1].day))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena *arena;
    static FILE *errors;
    struct results results = {0};

    if (!arena)
        arena = arena_new(1 << 16, 1 << 24);
    if (!errors)
        errors = fopen("/dev/null", "we");
    if (!arena || !errors || size > 16384)
        return 0;
    if (results_csv_parse((struct str){(const char *)data, size}, "fuzz", arena, errors, &results) <
        0)
        abort();
    for (size_t i = 0; i < results.n; i++) {
        check_learner(&results.learners[i], results.last_day);
        if (i > 0 && str_compare(results.learners[i - 1].id, results.learners[i].id) >= 0)
            abort();
    }
    arena_reset(arena);
    return 0;
}

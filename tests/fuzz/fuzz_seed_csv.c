/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as a table of history: whatever is let pass must be a plan that may be written. */
#include "app/ctl/seed_csv.h"

#include <stdlib.h>

#include "app/base/ids.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TODAY = 20000 }; /* 2024-10-04 */

static void check_student(const struct seed_student *student)
{
    if (!id_valid(student->id) || student->n == 0)
        abort();
    for (size_t i = 0; i < student->n; i++) {
        const struct seed_day *day = &student->days[i];

        if (day->day > TODAY || day->day <= TODAY - HISTORY_DAYS ||
            (i > 0 && day->day <= student->days[i - 1].day))
            abort();
        for (int c = 0; c < COMPONENTS; c++) {
            if (!(day->components[c] >= 0 && day->components[c] <= 1))
                abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena *arena;
    static FILE *errors;
    struct seed_plan plan = {0};

    if (!arena)
        arena = arena_new(1 << 16, 1 << 24);
    if (!errors)
        errors = fopen("/dev/null", "we");
    if (!arena || !errors || size > 16384)
        return 0;
    if (seed_csv_parse((struct str){(const char *)data, size}, "fuzz", TODAY, arena, errors,
                       &plan) < 0)
        abort();
    for (size_t i = 0; i < plan.n; i++) {
        check_student(&plan.students[i]);
        if (i > 0 && str_compare(plan.students[i - 1].id, plan.students[i].id) >= 0)
            abort();
    }
    arena_reset(arena);
    return 0;
}

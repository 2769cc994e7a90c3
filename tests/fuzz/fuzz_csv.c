/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as a table of history, as results of courses and as a gradebook: whatever is let pass
 * must be a plan that may be written, histories that can be judged, events that the engine takes.
 */
#include <stdlib.h>

#include "app/base/ids.h"
#include "app/ctl/gradebook.h"
#include "app/ctl/results_csv.h"
#include "app/ctl/seed_csv.h"
#include "app/http/json.h"
#include "app/http/validate.h"
#include "app/ingest/event_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TODAY = 20000, INPUT_MAX = 16384 }; /* 2024-10-04 */

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_student(const struct seed_student *student)
{
    require(id_valid(student->id) && student->n > 0);
    for (size_t i = 0; i < student->n; i++) {
        const struct seed_day *day = &student->days[i];

        require(day->day <= TODAY && day->day > TODAY - HISTORY_DAYS);
        require(i == 0 || day->day > student->days[i - 1].day);
        for (int c = 0; c < COMPONENTS; c++)
            require(day->components[c] >= 0 && day->components[c] <= 1);
    }
}

static void fuzz_seed(struct str text, struct arena *arena, FILE *errors)
{
    struct seed_plan plan = {0};

    require(seed_csv_parse(text, "fuzz", TODAY, arena, errors, &plan) >= 0);
    for (size_t i = 0; i < plan.n; i++) {
        check_student(&plan.students[i]);
        require(i == 0 || str_compare(plan.students[i - 1].id, plan.students[i].id) < 0);
    }
}

static void check_learner(const struct results_learner *learner, int32_t last_day)
{
    require(id_valid(learner->id) && id_valid(learner->module) && learner->n > 0);
    require(learner->final_result >= 0 && learner->final_result < FINAL_RESULTS);
    for (size_t i = 0; i < learner->n; i++) {
        const struct daily *day = &learner->days[i];

        require(day->score >= 0 && day->score <= 1 && day->day <= last_day);
        require(i == 0 || day->day > learner->days[i - 1].day);
    }
}

static void fuzz_results(struct str text, struct arena *arena, FILE *errors)
{
    struct results results = {0};

    require(results_csv_parse(text, "fuzz", arena, errors, &results) >= 0);
    for (size_t i = 0; i < results.n; i++) {
        check_learner(&results.learners[i], results.last_day);
        require(i == 0 || str_compare(results.learners[i - 1].id, results.learners[i].id) < 0);
    }
}

/* The engine has further rules for texts, about markup; it may refuse a column's name for them. */
static void check_event(struct str line, int64_t now_ms, struct arena *arena)
{
    struct problem p = {.code = PROBLEM_NONE};
    struct event_input in = {0};
    struct json_object *json = json_parse(line, arena, &p);

    require(json != NULL);
    (void)validate_object(event_rules, json, STR(""), arena, &in, &p);
    (void)event_input_finish(&in, now_ms, arena, &p);
    for (const struct field_error *e = p.fields; e; e = e->next)
        require(str_equal(e->field, STR("data.quiz_id")) ||
                str_equal(e->field, STR("data.exercise_id")) ||
                str_equal(e->field, STR("data.lesson_id")));
}

static void fuzz_gradebook(struct str text, struct arena *arena, FILE *errors)
{
    static struct str percent = STR_INIT("100");
    const struct gradebook_options options = {
        .now_ms = TODAY * INT64_C(86400000), .maxima = {&percent, 1}, .date = "2024-10-01"};
    struct gradebook book;
    long bad = gradebook_read(text, "fuzz", &options, arena, errors, &book);
    struct str events = buf_view(&book.events);

    require(bad >= 0);
    gradebook_print(&book, errors);
    while (bad == 0 && events.n > 0)
        check_event(str_cut(&events, '\n'), options.now_ms, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const formats[])(struct str, struct arena *, FILE *) = {fuzz_seed, fuzz_results,
                                                                          fuzz_gradebook};
    static struct arena *arena;
    static FILE *errors;

    if (!arena)
        arena = arena_new(1 << 16, 1 << 26);
    if (!errors)
        errors = fopen("/dev/null", "we");
    if (!arena || !errors || size > INPUT_MAX)
        return 0;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        formats[i]((struct str){(const char *)data, size}, arena, errors);
        arena_reset(arena);
    }
    return 0;
}

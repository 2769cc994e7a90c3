/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Explains a student's score like GET /api/v1/mastery/explain, but only by the observation with the
 * largest share of each component, and by the event that would raise the score most. */
#include "app/ctl/report_explain.h"

#include <stdio.h>

#include "app/base/clock.h"
#include "app/ctl/subcommand.h"
#include "app/ingest/stored_event.h"

/* Runs explain_step until the explanation is complete. */
bool report_explain(struct engine *engine, struct arena *arena, const char *student,
                    struct explanation *ret, struct problem *p)
{
    struct explain explain = {.student = str_of(student),
                              .now_ms = subcommand_now_ms(engine),
                              .read_event = stored_event_read,
                              .arena = arena};
    struct pipeline pipeline;

    if (!explain_init(&explain))
        problem_set(p, PROBLEM_INTERNAL_ERROR, "out of memory");
    pipeline_init(&pipeline, arena, NULL /* owner */);
    while (p->code == PROBLEM_NONE && explain_step(&explain, &pipeline, p) == STEP_MORE) {
        if (!subcommand_round_trip(engine, &pipeline, p))
            break;
    }
    *ret = explain.explanation;
    explain_release(&explain);
    return p->code == PROBLEM_NONE;
}

/* Prints the line of one component: value, weight, contribution, and its largest observation, such
 * as "quiz 0.64 * 0.75 = 0.48; of it 80 % quiz.completed of 2026-01-31 with 0.60". Consistency
 * without observations has the number of active days as its evidence. Skips a component without
 * evidence, which contributes nothing. */
static void report_print_component(enum component component, const struct explained_component *c)
{
    const struct explained_observation *largest = &c->observations[0];
    char day[DAY_TEXT_SIZE];

    if (c->evidence <= 0)
        return;
    (void)printf("  %s %.2f * %.2f = %.2f", component_names[component], c->value, c->weight,
                 c->contribution);
    if (component == CONSISTENCY && c->observation_count == 0)
        (void)printf("; active days: %.0f", c->evidence);
    if (c->observation_count > 0) {
        day_print(day_of_ms(largest->at_ms), day);
        (void)printf("; of it %.0f %% %s of %s with %.2f", largest->share * 100,
                     largest->type == EVENT_TYPES ? explain_statement_name /* no event */
                                                  : event_type_names[largest->type],
                     day, largest->value);
    }
    (void)putchar('\n');
}

void report_print_explanation(const struct explanation *explanation)
{
    const struct explained_what_if *best = &explanation->what_if[0];

    (void)puts("why this score:");
    for (int i = 0; i < COMPONENTS; i++)
        report_print_component((enum component)i, &explanation->components[i]);
    (void)printf("  without further events:");
    for (int i = 0; i < EXPLAIN_FADINGS; i++)
        (void)printf("%s %.2f in %d days", i > 0 ? "," : "", explanation->fading[i],
                     explain_fading_days[i]);
    (void)putchar('\n');
    if (explanation->level < MASTER)
        (void)printf("  next level: %s, %.2f more\n", level_names[explanation->level + 1],
                     explanation->missing);
    for (int i = 1; i < EXPLAIN_WHAT_IFS; i++) {
        if (explanation->what_if[i].score > best->score)
            best = &explanation->what_if[i];
    }
    (void)printf("  largest gain: %s: %.2f (%+.2f)\n", best->assumption, best->score, best->change);
}

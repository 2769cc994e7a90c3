/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads cohorts and histories (daily scores of students) for mastery-ctl. Students are read in
 * chunks, one round trip each, so that memory stays bounded for cohorts of any size. */
#include "app/ctl/histories.h"

#include "app/ctl/subcommand.h"

enum { CHUNK = 200 }; /* students in one round trip */

/* Reads the record of the cohort. The problem is PROBLEM_NOT_FOUND when Redis replied but has no
 * such cohort. */
bool cohort_load(struct engine *engine, struct arena *arena, const char *id, struct cohort *ret,
                 struct problem *p)
{
    struct pipeline pipeline;
    struct command *command;

    pipeline_init(&pipeline, arena, NULL /* owner */);
    command = cohort_cmd_get(&pipeline, str_of(id));
    if (!subcommand_round_trip(engine, &pipeline, p) ||
        !cohort_parse(command, arena, str_of(id), ret, p))
        return false;
    if (!ret->exists)
        problem_set(p, PROBLEM_NOT_FOUND, "there is no cohort %s", id);
    return ret->exists;
}

/* Reads the histories of at most CHUNK students, and calls use_history for those who have not
 * withdrawn consent to analytics; adds the number of the others to *withdrawn. The consent is read
 * in the same round trip as the history, so that a withdrawal in between is not missed. */
static bool histories_read_chunk(struct engine *engine, struct arena *arena,
                                 struct str_list students, int32_t today,
                                 history_function *use_history, void *context, size_t *withdrawn,
                                 struct problem *p)
{
    struct command *histories[CHUNK], *consents[CHUNK];
    struct history history;
    struct pipeline pipeline;

    arena_reset(arena);
    pipeline_init(&pipeline, arena, NULL /* owner */);
    for (size_t i = 0; i < students.n; i++) {
        histories[i] = history_cmd(&pipeline, students.v[i], NULL, today);
        consents[i] = student_cmd_consent(&pipeline, students.v[i]);
    }
    if (!subcommand_round_trip(engine, &pipeline, p))
        return false;
    for (size_t i = 0; i < students.n; i++) {
        if (!history_parse(histories[i], &history, p))
            return false;
        if (student_has_withdrawn(consents[i], CONSENT_ANALYTICS))
            ++*withdrawn;
        else
            use_history(context, &history);
    }
    return true;
}

/* Splits the list into chunks of CHUNK students, the last one shorter, and stops at the first chunk
 * that cannot be read. The chunks point into the list; no id is copied. */
bool histories_read(struct engine *engine, struct arena *arena, struct str_list students,
                    int32_t today, history_function *use_history, void *context, size_t *withdrawn,
                    struct problem *p)
{
    for (size_t i = 0; i < students.n; i += CHUNK) {
        struct str_list chunk = {students.v + i, students.n - i < CHUNK ? students.n - i : CHUNK};

        if (!histories_read_chunk(engine, arena, chunk, today, use_history, context, withdrawn, p))
            return false;
    }
    return true;
}

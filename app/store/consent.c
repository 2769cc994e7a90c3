/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/consent.h"

#include "app/store/keys.h"
#include "app/store/reply.h"

struct command *consent_cmd_change(struct pipeline *a, const struct consent_change *change)
{
    struct arena *arena = a->arena;
    struct str student = change->student;
    struct str argv[] = {key_student(arena, student, STUDENT_KEY_PROFILE),
                         key_student(arena, student, STUDENT_KEY_ERASED),
                         key_student(arena, student, STUDENT_KEY_CONSENT),
                         key_journal(arena, student),
                         str_of(consent_names[change->consent]),
                         {&consent_codes[change->consent], 1},
                         change->granted ? STR("1") : STR("0"),
                         change->only_if_granted ? STR("1") : STR("0"),
                         arena_printf(arena, "%lld", (long long)change->now_ms),
                         change->actor,
                         change->journal};

    return pipeline_add_script(a, &script_consent_change, 4, (int)(sizeof(argv) / sizeof(argv[0])),
                               argv);
}

/* "VERSION GRANTED AT_MS BY" */
static bool read_line(struct str line, struct consent_record *ret)
{
    int64_t granted;

    if (!str_to_int64(str_cut(&line, ' '), 1, INT64_MAX, &ret->version) ||
        !str_to_int64(str_cut(&line, ' '), 0, 1, &granted) ||
        !str_to_int64(str_cut(&line, ' '), 0, INT64_MAX, &ret->at_ms))
        return false;
    ret->granted = granted;
    ret->actor = line;
    return true;
}

enum consent_outcome consent_parse_change(const struct command *command, struct consent_record *ret,
                                          struct problem *p)
{
    struct str line;
    int64_t why;

    if (reply_int(command->reply, &why) == REPLY_OK)
        return why == 0 ? CONSENT_NEVER_GRANTED : CONSENT_ERASED;
    if (reply_text(command->reply, &line) == REPLY_OK && read_line(line, ret))
        return CONSENT_SAVED;
    reply_problem(command->reply, p);
    return CONSENT_PROBLEM;
}

struct command *consent_cmd_get(struct pipeline *a, struct str student)
{
    struct str argv[2 + CONSENTS] = {STR("HMGET"),
                                     key_student(a->arena, student, STUDENT_KEY_CONSENT)};

    for (int i = 0; i < CONSENTS; i++)
        argv[2 + i] = str_of(consent_names[i]);
    return pipeline_add(a, COMMAND_READ, 2 + CONSENTS, argv);
}

static bool read_lines(struct str text, struct arena *arena, struct consent_history *ret)
{
    ret->n = 0;
    ret->v = arena_array(arena, CONSENT_HISTORY_MAX, sizeof(*ret->v));
    if (!ret->v)
        return false;
    while (text.n > 0 && ret->n < CONSENT_HISTORY_MAX) {
        if (!read_line(str_cut(&text, '\n'), &ret->v[ret->n++]))
            return false;
    }
    return text.n == 0;
}

bool consent_parse(const struct command *command, struct arena *arena,
                   struct consent_history ret[CONSENTS], struct problem *p)
{
    struct str text;

    for (size_t i = 0; i < CONSENTS; i++) {
        ret[i] = (struct consent_history){0};
        switch (reply_text(reply_at(command->reply, i), &text)) {
        case REPLY_MISSING: break;
        case REPLY_ERROR: reply_problem(command->reply, p); return false;
        case REPLY_OK:
            if (!read_lines(text, arena, &ret[i])) {
                problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
                return false;
            }
        }
    }
    return true;
}

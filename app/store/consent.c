/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads and changes a student's decisions about consent. The decisions of each kind of consent are
 * the lines of one text, so that a single HMGET reads all kinds. The script consent_change.lua
 * writes them. */
#include "app/store/consent.h"

#include "app/store/keys.h"
#include "app/store/reply.h"

/* Builds KEYS (the first four) and ARGV of consent_change.lua. The name of the consent is its field
 * in the consent record; its letter (consent_codes) is in the profile while the consent is
 * withdrawn. */
struct command *consent_cmd_change(struct pipeline *pipeline, const struct consent_change *change)
{
    struct arena *arena = pipeline->arena;
    struct str student = change->student;
    struct str argv[] = {key_student(arena, student, STUDENT_KEY_PROFILE),
                         key_student(arena, student, STUDENT_KEY_ERASED),
                         key_student(arena, student, STUDENT_KEY_CONSENT),
                         key_journal(arena, student),
                         str_of(consent_names[change->consent]),
                         {&consent_codes[change->consent], 1},
                         change->granted ? STR("1") : STR("0"),
                         change->only_if_granted ? STR("1") : STR("0"),
                         command_int(arena, change->now_ms),
                         change->actor,
                         change->journal};

    return pipeline_add_script(pipeline, &script_consent_change, 4,
                               (int)(sizeof(argv) / sizeof(argv[0])), argv);
}

/* Parses one decision, a line: VERSION GRANTED AT_MS ACTOR, where GRANTED is 0 or 1. Returns false
 * if it has another form. */
static bool consent_parse_line(struct str line, struct consent_record *ret)
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

/* The script replies a number when it has stored nothing, else the line of the decision in force.
 */
enum consent_outcome consent_parse_change(const struct command *command, struct consent_record *ret,
                                          struct problem *p)
{
    struct str line;
    int64_t code; /* 0: never granted; -1: the student is erased; there are no others */

    if (reply_int(command->reply, &code) == REPLY_OK)
        return code == 0 ? CONSENT_NEVER_GRANTED : CONSENT_ERASED;
    if (reply_text(command->reply, &line) == REPLY_OK && consent_parse_line(line, ret))
        return CONSENT_SAVED;
    reply_problem(command->reply, p);
    return CONSENT_PROBLEM;
}

/* Reads the texts of all kinds with one HMGET, in the order of enum consent, on which consent_parse
 * relies. */
struct command *consent_cmd_get(struct pipeline *pipeline, struct str student)
{
    struct str argv[2 + CONSENTS] = {STR("HMGET"),
                                     key_student(pipeline->arena, student, STUDENT_KEY_CONSENT)};

    for (int i = 0; i < CONSENTS; i++)
        argv[2 + i] = str_of(consent_names[i]);
    return pipeline_add(pipeline, COMMAND_READ, 2 + CONSENTS, argv);
}

/* Parses the text of one kind of consent, a line for each decision. Returns false if a line has
 * another form, if there are more than CONSENT_HISTORY_MAX lines, which consent_change.lua never
 * leaves, or when out of memory. */
static bool consent_parse_lines(struct str text, struct arena *arena, struct consent_history *ret)
{
    ret->n = 0;
    ret->v = arena_array(arena, CONSENT_HISTORY_MAX, sizeof(*ret->v));
    if (!ret->v)
        return false;
    while (text.n > 0 && ret->n < CONSENT_HISTORY_MAX) {
        if (!consent_parse_line(str_cut(&text, '\n'), &ret->v[ret->n++]))
            return false;
    }
    return text.n == 0;
}

/* An unreadable history is an error and not an empty one, which would look like consent never
 * given. */
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
            if (!consent_parse_lines(text, arena, &ret[i])) {
                problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
                return false;
            }
        }
    }
    return true;
}

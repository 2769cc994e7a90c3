/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads and writes profile, snapshots (closing states of UTC days) and marks (ids of counted
 * events). The profile is a hash: field s has the packed state (the mastery state as one binary
 * string), c the codes of withdrawn consents (no field: none). The mastery result is computed from
 * the state; field m has it as JSON for 0.1.0, and is never read. The caller computes a change, and
 * a Lua script writes it only if the stored state is the one that the caller started from. So
 * processes need no locks. */
#include "app/store/student.h"

#include "app/base/clock.h"
#include "app/store/keys.h"
#include "app/store/reply.h"
#include "app/store/topics.h"

struct command *student_cmd_consent(struct pipeline *pipeline, struct str student)
{
    struct str key = key_student(pipeline->arena, student, STUDENT_KEY_PROFILE);

    return pipeline_add(pipeline, COMMAND_READ, 3, (struct str[]){STR("HMGET"), key, STR("c")});
}

/* Reads the codes of withdrawn consents, which are the last field in the replies to all commands
 * that read them (of 1 to 3 fields). A reply that cannot be read counts as withdrawn, since nothing
 * may be done without consent. */
bool student_has_withdrawn(const struct command *command, enum consent consent)
{
    struct str codes;
    size_t fields;

    if (reply_array(command->reply, 3, &fields) != REPLY_OK || fields == 0)
        return true;
    switch (reply_text(reply_at(command->reply, fields - 1), &codes)) {
    case REPLY_MISSING: return false;
    case REPLY_OK: return consent_withdrawn(codes, consent);
    case REPLY_ERROR: break;
    }
    return true;
}

/* Checks the type of the reply first: student_has_withdrawn would count an unreadable one as
 * withdrawn consent, but here it is a failure. */
bool student_parse_withdrawn(const struct command *command, enum consent consent,
                             bool *ret_withdrawn, struct problem *p)
{
    size_t n;

    if (!reply_expect_array(command->reply, 3, &n, p))
        return false;
    *ret_withdrawn = student_has_withdrawn(command, consent);
    return true;
}

/* Reads the fields s and c of the profile. c must be the last field of the reply:
 * student_has_withdrawn relies on it. */
struct command *student_cmd_state(struct pipeline *pipeline, struct str student)
{
    struct str key = key_student(pipeline->arena, student, STUDENT_KEY_PROFILE);

    return pipeline_add(pipeline, COMMAND_READ, 4,
                        (struct str[]){STR("HMGET"), key, STR("s"), STR("c")});
}

/* Parses the reply [state, consents] or [state, topics, consents]. *ret is the initial mastery
 * state when the student has no stored state. A failure is in p->code, which must be PROBLEM_NONE
 * before the call. */
bool student_parse_state(const struct command *command, struct mastery_state *ret,
                         struct problem *p)
{
    struct str packed;
    size_t fields;
    enum reply_result result = REPLY_ERROR;

    mastery_state_init(ret);
    if (reply_array(command->reply, 3, &fields) == REPLY_OK && fields >= 2)
        result = reply_text(reply_at(command->reply, 0), &packed);
    if (result == REPLY_ERROR)
        reply_problem(command->reply, p);
    else if (result == REPLY_OK && !state_unpack(packed, ret))
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return p->code == PROBLEM_NONE;
}

bool student_parse_profile(const struct command *command, struct student_profile *ret,
                           struct problem *p)
{
    *ret = (struct student_profile){0};
    if (!student_parse_state(command, &ret->state, p))
        return false;
    ret->exists = reply_text(reply_at(command->reply, 0), &ret->packed) == REPLY_OK;
    return true;
}

struct str student_stamp(const struct command *command)
{
    struct str packed;

    if (reply_text(reply_at(command->reply, 0), &packed) != REPLY_OK || packed.n < STATE_STAMP_SIZE)
        return (struct str){0};
    return (struct str){packed.p + packed.n - STATE_STAMP_SIZE, STATE_STAMP_SIZE};
}

/* Scans one page of the stream. Each page has about 200 entries, because Redis runs nothing else
 * while a script runs. The script gets `oldest` in three forms: in milliseconds, as YYYY-MM-DD, in
 * days. */
struct command *student_cmd_trim_entries(struct pipeline *pipeline, struct str key,
                                         struct str cursor, int32_t oldest)
{
    char day[DAY_TEXT_SIZE];

    day_print(oldest, day);
    return pipeline_add_script(
        pipeline, &script_student_trim_entries, 1, 6,
        (struct str[]){
            key, cursor, STR("200"), command_int(pipeline->arena, (int64_t)oldest * DAY_MS),
            arena_copy(pipeline->arena, str_of(day)), command_int(pipeline->arena, oldest)});
}

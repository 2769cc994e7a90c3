/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads and writes profile, snapshots (closing states of UTC days) and marks (ids of counted
 * events). The profile is a hash: field m has the result as JSON, s the packed state (the mastery
 * state as one binary string), c the codes of withdrawn consents (no field: none). The caller
 * computes a change, and a Lua script writes it only if the stored state is the one that the
 * caller started from. So processes need no locks. */
#include "app/store/student.h"

#include "app/base/clock.h"
#include "app/store/keys.h"
#include "app/store/reply.h"
#include "app/store/topics.h"

/* Reads the fields m, s and c of the profile. c must be the last field of the reply:
 * student_has_withdrawn relies on it. */
struct command *student_cmd_profile(struct pipeline *pipeline, struct str student)
{
    struct str key = key_student(pipeline->arena, student, STUDENT_KEY_PROFILE);

    return pipeline_add(pipeline, COMMAND_READ, 5,
                        (struct str[]){STR("HMGET"), key, STR("m"), STR("s"), STR("c")});
}

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

/* Parses the reply [result, state, consents]. A profile with consents but neither result nor state
 * is that of a student who does not exist yet. */
bool student_parse_profile(const struct command *command, struct student_profile *ret,
                           struct problem *p)
{
    size_t fields;
    enum reply_result json, packed;

    *ret = (struct student_profile){0};
    mastery_state_init(&ret->state);
    if (reply_array(command->reply, 3, &fields) != REPLY_OK || fields != 3) {
        reply_problem(command->reply, p);
        return false;
    }
    json = reply_text(reply_at(command->reply, 0), &ret->result_json);
    packed = reply_text(reply_at(command->reply, 1), &ret->packed);
    if (json == REPLY_MISSING && packed == REPLY_MISSING)
        return true;
    /* Both fields are written together, so one without the other is an error. */
    if (json != REPLY_OK || packed != REPLY_OK || !state_unpack(ret->packed, &ret->state)) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    ret->exists = true;
    return true;
}

struct command *student_cmd_state(struct pipeline *pipeline, struct str student)
{
    struct str key = key_student(pipeline->arena, student, STUDENT_KEY_PROFILE);

    return pipeline_add(pipeline, COMMAND_READ, 4,
                        (struct str[]){STR("HMGET"), key, STR("s"), STR("c")});
}

/* Parses the reply [state, consents]. *ret is the initial mastery state when the
 * student has no stored state. A failure is in p->code. */
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

/* A function that makes one key for each of `count` days: key_student_days or key_student_openings.
 */
typedef bool day_keys(struct arena *arena, struct str student, int32_t first, int count,
                      struct str *ret_keys);

/* Queues one MGET of the keys that `keys` makes for all days. When memory is short for the keys,
 * the pipeline is marked as failed and never sent. */
static struct command *student_cmd_mget(struct pipeline *pipeline, struct str student,
                                        int32_t first, int count, day_keys *make_keys)
{
    struct str argv[1 + STUDENT_DAYS_MAX] = {STR("MGET")};

    if (!make_keys(pipeline->arena, student, first, count, argv + 1))
        pipeline->failed = true;
    return pipeline_add(pipeline, COMMAND_READ, 1 + count, argv);
}

struct command *student_cmd_days(struct pipeline *pipeline, struct str student, int32_t first,
                                 int count)
{
    return student_cmd_mget(pipeline, student, first, count, key_student_days);
}

struct str student_stamp(const struct command *command)
{
    struct str packed;

    if (reply_text(reply_at(command->reply, 0), &packed) != REPLY_OK || packed.n < STATE_STAMP_SIZE)
        return (struct str){0};
    return (struct str){packed.p + packed.n - STATE_STAMP_SIZE, STATE_STAMP_SIZE};
}

/* Calls student_read_changed.lua. Its arguments are short: the common beginning of the snapshots'
 * keys, then the days, which are the last 8 digits of the keys, in one text. */
struct command *student_cmd_changed(struct pipeline *pipeline, struct str student, struct str stamp,
                                    int32_t first, int count)
{
    enum { DIGITS = 8 };
    struct str profile = key_student(pipeline->arena, student, STUDENT_KEY_PROFILE);
    struct str keys[STUDENT_DAYS_MAX];
    char *days = arena_alloc(pipeline->arena, (size_t)count * DIGITS);

    if (!days || !key_student_days(pipeline->arena, student, first, count, keys)) {
        pipeline->failed = true;
        days = NULL;
        count = 0;
        keys[0] = (struct str){0};
    }
    for (int i = 0; i < count; i++)
        memcpy(days + (ptrdiff_t)i * DIGITS, keys[i].p + keys[i].n - DIGITS, DIGITS);
    return pipeline_add_read_script(
        pipeline, &script_student_read_changed, 1, 4,
        (struct str[]){profile,
                       stamp,
                       {keys[0].p, keys[0].n - (count > 0 ? DIGITS : 0)},
                       {days, (size_t)count * DIGITS}});
}

bool student_parse_changed(const struct command *command, struct command *ret_topics,
                           struct command *ret_days, struct problem *p)
{
    size_t n;

    if (reply_array(command->reply, 2, &n) != REPLY_OK || n != 2) {
        reply_problem(command->reply, p);
        return false;
    }
    *ret_topics = *ret_days = *command;
    ret_topics->reply = command->reply->element[0];
    ret_days->reply =
        command->reply->element[1]->type == REDIS_REPLY_NIL ? NULL : command->reply->element[1];
    return true;
}

struct command *student_cmd_openings(struct pipeline *pipeline, struct str student, int32_t first,
                                     int count)
{
    return student_cmd_mget(pipeline, student, first, count, key_student_openings);
}

/* Element i of the reply is the packed closing state of one day. One that state_unpack refuses
 * is corrupt: REPLY_ERROR. */
enum reply_result student_parse_day(const struct command *command, size_t i,
                                    struct mastery_state *ret)
{
    struct str packed;
    enum reply_result result = reply_text(reply_at(command->reply, i), &packed);

    if (result == REPLY_OK && !state_unpack(packed, ret))
        return REPLY_ERROR;
    return result;
}

/* Collects the snapshots. Days without a snapshot are skipped. A snapshot that cannot be read makes
 * the whole result INTERNAL_ERROR. */
bool student_parse_days(const struct command *command, struct mastery_state *ret_days,
                        size_t *ret_count, struct problem *p)
{
    size_t room = (size_t)command->argc - 1, days, count = 0;

    if (!reply_expect_array(command->reply, room, &days, p))
        return false;
    for (size_t i = 0; i < days; i++) {
        enum reply_result result = student_parse_day(command, i, &ret_days[count]);

        if (result == REPLY_MISSING)
            continue;
        if (result == REPLY_ERROR) {
            problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
            return false;
        }
        count++;
    }
    *ret_count = count;
    return true;
}

/* Returns the packed state as a text in the arena. */
static struct str student_pack(struct arena *arena, const struct mastery_state *state)
{
    unsigned char packed[STATE_PACKED_MAX];
    size_t n = state_pack(state, packed);

    return arena_copy(arena, (struct str){(const char *)packed, n});
}

/* Positions in the keys and arguments of student_change.lua, while entries, snapshots and openings
 * of a change are added. A snapshot or opening has one key and two arguments, its state and its
 * expiry. */
struct day_writer {
    struct pipeline *pipeline;
    struct str student;
    struct str *key, *arg; /* the next key and the next argument to fill in */
};

/* Adds the snapshot or opening (by `keys`) of a day, whose state is `packed`. It expires when no
 * event of the day is accepted any more, which is 90 times 24 hours after the end of the day. */
static void student_put_day(struct day_writer *w, day_keys *keys, int32_t day, struct str packed)
{
    struct arena *arena = w->pipeline->arena;

    if (!keys(arena, w->student, day, 1, w->key++))
        w->pipeline->failed = true;
    *w->arg++ = packed;
    *w->arg++ = command_int(arena, day_start_ms(day + HISTORY_DAYS + 1) / 1000);
}

/* Adds the snapshots of a change, and the opening of each day that does not follow the day before
 * it. `packed` is the last snapshot, the current state, which the caller has packed already. */
static void student_put_days(struct day_writer *w, const struct student_change *change,
                             struct str packed)
{
    const struct mastery_state *before = change->base;

    for (size_t i = 0; i < change->day_count; i++) {
        const struct mastery_state *state = &change->days[i];

        student_put_day(w, key_student_days, state->day,
                        i == change->day_count - 1 ? packed
                                                   : student_pack(w->pipeline->arena, state));
        if (before && before->day + 1 < state->day)
            student_put_day(w, key_student_openings, state->day,
                            student_pack(w->pipeline->arena, before));
        before = state;
    }
}

/* Adds the entries, four arguments each, and returns whether one of them has topics. */
static bool student_put_entries(struct day_writer *w, const struct student_change *change)
{
    bool has_topics = false;

    for (size_t i = 0; i < change->entry_count; i++) {
        const struct student_entry *entry = &change->entries[i];

        *w->arg++ = entry->journal;
        *w->arg++ = entry->event_id.p ? entry->event_id : STR("");
        *w->arg++ = entry->event_id.p ? arena_printf(w->pipeline->arena, "%d %.*s",
                                                     (int)entry->event_day, STR_ARG(entry->mark))
                                      : STR("");
        *w->arg++ = entry->topics.p ? entry->topics : STR("");
        has_topics = has_topics || entry->topics.p;
    }
    return has_topics;
}

/* Queues the script student_change. Its keys are profile, tombstone (key that exists once the
 * student's erasure has begun), journal, marks, and one per snapshot and opening. Its arguments are
 * expected state, new state, result, number of entries, two times for topics, then four per entry,
 * and two per snapshot and opening. The arguments are made apart, because they follow keys whose
 * number is not known yet. */
struct command *student_cmd_change(struct pipeline *pipeline, const struct student_change *change,
                                   struct str *ret_packed)
{
    enum { FIXED_KEYS = 4, FIXED_ARGS = 6, ENTRY_ARGS = 4 };
    struct arena *arena = pipeline->arena;
    size_t records_max = 2 * change->day_count; /* snapshots and openings */
    size_t args_max = FIXED_ARGS + ENTRY_ARGS * change->entry_count + 2 * records_max;
    struct str *argv = arena_array(arena, FIXED_KEYS + records_max + args_max, sizeof(*argv));
    struct str *args = arena_array(arena, args_max, sizeof(*args));
    struct day_writer w = {.pipeline = pipeline, .student = change->student};
    bool has_topics;

    if (!argv || !args) /* a command without arguments marks the pipeline as failed */
        return pipeline_add_script(pipeline, &script_student_change, 0, 0, NULL);
    argv[0] = key_student(arena, change->student, STUDENT_KEY_PROFILE);
    argv[1] = key_student(arena, change->student, STUDENT_KEY_ERASED);
    argv[2] = key_journal(arena, change->student);
    argv[3] = key_student(arena, change->student, STUDENT_KEY_MARKS);
    args[0] = change->expected;
    args[1] = *ret_packed = student_pack(arena, &change->days[change->day_count - 1]);
    args[2] = change->result_json;
    args[3] = command_int(arena, (int64_t)change->entry_count);
    w.key = argv + FIXED_KEYS;
    w.arg = args + FIXED_ARGS;
    has_topics = student_put_entries(&w, change);
    args[4] = has_topics ? command_int(arena, change->now_ms) : STR("");
    args[5] = has_topics ? command_int(arena, change->now_ms + STATE_AHEAD_MAX_MS) : STR("");
    student_put_days(&w, change, args[1]);
    memcpy(w.key, args, (size_t)(w.arg - args) * sizeof(*args));
    return pipeline_add_script(pipeline, &script_student_change, (int)(w.key - argv),
                               (int)(w.key - argv + (w.arg - args)), argv);
}

/* Returns the text of a stored mark, which is "DAY TEXT". Only student_cmd_trim_marks uses the day.
 */
static struct str student_mark_text(struct str mark)
{
    (void)str_cut(&mark, ' ');
    return mark;
}

/* The script student_change replies an integer (1 saved, 0 the student is erased, -1 consent is
 * withdrawn), a text (the stored state, because it is not the expected one), or a list with the
 * mark, or nil, of each entry, when events were counted before. */
enum change_outcome student_parse_change(const struct command *command, struct str *ret_packed,
                                         struct problem *p)
{
    int64_t code; /* integer reply: 1: saved; 0: student erased; -1: consent withdrawn */
    size_t n;

    if (reply_text(command->reply, ret_packed) == REPLY_OK)
        return CHANGE_OUTDATED;
    if (reply_int(command->reply, &code) == REPLY_OK)
        return code == 1 ? CHANGE_SAVED : code == 0 ? CHANGE_ERASED : CHANGE_WITHDRAWN;
    if (reply_array(command->reply, STUDENT_ENTRIES_MAX, &n) == REPLY_OK)
        return CHANGE_DUPLICATE;
    reply_problem(command->reply, p);
    return CHANGE_PROBLEM;
}

bool student_parse_known_mark(const struct command *command, size_t i, struct str *ret_mark)
{
    if (reply_text(reply_at(command->reply, i), ret_mark) != REPLY_OK)
        return false;
    *ret_mark = student_mark_text(*ret_mark);
    return true;
}

/* Reads one field of the student's marks, a hash whose fields are the ids of events. */
struct command *student_cmd_mark(struct pipeline *pipeline, struct str student, struct str event_id)
{
    struct str key = key_student(pipeline->arena, student, STUDENT_KEY_MARKS);

    return pipeline_add(pipeline, COMMAND_READ, 3, (struct str[]){STR("HGET"), key, event_id});
}

/* The reply is nil if no event with this id was counted. */
bool student_parse_mark(const struct command *command, bool *ret_counted, struct str *ret_mark,
                        struct problem *p)
{
    enum reply_result result = reply_text(command->reply, ret_mark);

    *ret_counted = result == REPLY_OK;
    if (result == REPLY_ERROR)
        reply_problem(command->reply, p);
    else if (result == REPLY_OK)
        *ret_mark = student_mark_text(*ret_mark);
    return result != REPLY_ERROR;
}

/* Scans one page of the stream. Each page has about 200 entries, because Redis runs nothing else
 * while a script runs. */
struct command *student_cmd_trim_entries(struct pipeline *pipeline, struct str key,
                                         struct str cursor, int32_t oldest)
{
    char day[DAY_TEXT_SIZE];

    day_print(oldest, day);
    return pipeline_add_script(
        pipeline, &script_student_trim_entries, 1, 5,
        (struct str[]){key, cursor, STR("200"),
                       command_int(pipeline->arena, (int64_t)oldest * DAY_MS),
                       arena_copy(pipeline->arena, str_of(day))});
}

/* Scans one page of the hash. Each page has about 500 marks, because Redis runs nothing else while
 * a script runs. */
struct command *student_cmd_trim_marks(struct pipeline *pipeline, struct str key, struct str cursor,
                                       int32_t oldest)
{
    return pipeline_add_script(
        pipeline, &script_student_trim_marks, 1, 4,
        (struct str[]){key, cursor, STR("500"), command_int(pipeline->arena, (int)oldest)});
}

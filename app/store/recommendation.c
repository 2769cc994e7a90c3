/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ids, stored lines and commands of recommendations.
 *
 * Each recommendation of a day is one line of the day's text: ITEM AT_MS ACTION AREA DIFFICULTY
 * PRIORITY REASON MINUTES SCORE GAP CONFIDENCE. If there is feedback on it, the line continues with
 * AT_MS COMPLETED MINUTES RATING IMPROVEMENT, where "-" is an absent number.
 *
 * The student's text has the token (a random text in the ids of the student's recommendations) in
 * its first line. Its other lines are the feedback history: FEEDBACK_DAY DAY NUMBER ACTION AREA
 * USEFULNESS. */
#include "app/store/recommendation.h"

#include <stdio.h>

#include "app/base/buf.h"
#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/store/keys.h"
#include "app/store/reply.h"

/* TOKEN_BYTES: random bytes of a token. TOKEN_N: hexadecimal digits of a token, which begins with
 * the two digits of the shard. NUMBER_MAX: largest number of a recommendation on one day. */
enum { TOKEN_BYTES = 16, TOKEN_N = 2 + 2 * TOKEN_BYTES, NUMBER_MAX = 100000 };

/* ---- ids ---- */

/* The token begins with the number of the shard, so that the key of the token is in the student's
 * slot of Redis Cluster. */
struct str recommendation_token(struct arena *arena, struct str student)
{
    unsigned char bytes[1 + TOKEN_BYTES];
    char text[TOKEN_N + 1];

    bytes[0] = (unsigned char)key_shard(student);
    random_bytes(bytes + 1, TOKEN_BYTES);
    hex_print(bytes, sizeof(bytes), text);
    return arena_copy(arena, (struct str){text, TOKEN_N});
}

/* Returns the date of a day as the number YYYYMMDD: the digits of its text YYYY-MM-DD. */
static int32_t recommendation_date_number(int32_t day)
{
    char text[DAY_TEXT_SIZE];
    int32_t number = 0;

    day_print(day, text);
    for (const char *p = text; *p; p++)
        if (*p != '-')
            number = number * 10 + (*p - '0');
    return number;
}

void recommendation_id_print(struct str token, int32_t day, int number,
                             char ret_id[RECOMMENDATION_ID_SIZE])
{
    (void)snprintf(ret_id, RECOMMENDATION_ID_SIZE, "rec_%.*s-%08d-%d", STR_ARG(token),
                   recommendation_date_number(day), number);
}

/* Returns whether the text can be a token: TOKEN_N hexadecimal digits. */
static bool recommendation_is_token(struct str text)
{
    if (text.n != TOKEN_N)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (!memchr("0123456789abcdef", text.p[i], 16))
            return false;
    return true;
}

/* Parses a date YYYYMMDD. Returns false if it is none. */
static bool recommendation_parse_date(struct str digits, int32_t *ret_day)
{
    char text[DAY_TEXT_SIZE];

    if (digits.n != 8)
        return false;
    (void)snprintf(text, sizeof(text), "%.4s-%.2s-%.2s", digits.p, digits.p + 4, digits.p + 6);
    return day_parse(str_of(text), ret_day);
}

/* Cuts rec_TOKEN-YYYYMMDD-NUMBER at its dashes, which no part contains. All results are set only on
 * success; recommendation_parse_date, which sets *ret_day, is therefore called last. */
bool recommendation_id_parse(struct str id, struct str *ret_token, int32_t *ret_day,
                             int *ret_number)
{
    static const struct str prefix = STR_INIT("rec_");
    struct str token, date;
    int64_t number;

    if (!str_starts_with(id, prefix))
        return false;
    id = (struct str){id.p + prefix.n, id.n - prefix.n};
    token = str_cut(&id, '-');
    date = str_cut(&id, '-');
    if (!recommendation_is_token(token) || !str_to_int64(id, 1, NUMBER_MAX, &number) ||
        !recommendation_parse_date(date, ret_day))
        return false;
    *ret_token = token;
    *ret_number = (int)number;
    return true;
}

struct command *recommendation_cmd_student(struct pipeline *pipeline, struct str token)
{
    return pipeline_add(pipeline, COMMAND_READ, 2,
                        (struct str[]){STR("GET"), key_recommended(pipeline->arena, token)});
}

/* Reads the id of the student who has the token. A nil reply is no error: the student was erased,
 * or the token was never issued. */
bool recommendation_parse_student(const struct command *command, struct str *ret_student,
                                  struct problem *p)
{
    *ret_student = (struct str){0};
    switch (reply_text(command->reply, ret_student)) {
    case REPLY_MISSING: return true;
    case REPLY_OK:
        if (id_valid(*ret_student))
            return true;
        break;
    case REPLY_ERROR: break;
    }
    reply_problem(command->reply, p);
    return false;
}

/* ---- printing lines ---- */

/* Appends a space and the name to a line. */
static void line_put_name(struct buf *out, const char *name)
{
    buf_char(out, ' ');
    buf_text(out, name);
}

/* Appends a space and the number. */
static void line_put_int(struct buf *out, int64_t value)
{
    buf_char(out, ' ');
    buf_int(out, value);
}

/* Appends a space and the number, or a space and "-" if the number is absent. */
static void line_put_number(struct buf *out, bool present, double value)
{
    buf_char(out, ' ');
    if (present)
        buf_number(out, value);
    else
        buf_char(out, '-');
}

/* Appends the line of a recommendation. Spaces separate its words; ids and names do not contain
 * any. */
static void recommendation_put_record(struct buf *out, const struct recommendation_record *record)
{
    const struct feedback *feedback = &record->feedback;

    buf_str(out, record->item);
    line_put_int(out, record->at_ms);
    line_put_name(out, action_names[record->action]);
    line_put_name(out, component_names[record->area]);
    line_put_name(out, difficulty_names[record->difficulty]);
    line_put_name(out, priority_names[record->priority]);
    line_put_name(out, reason_names[record->reason]);
    line_put_int(out, record->minutes);
    line_put_number(out, /* present */ true, record->score);
    line_put_number(out, /* present */ true, record->gap);
    line_put_number(out, /* present */ true, record->confidence);
    if (record->has_feedback) {
        line_put_int(out, record->feedback_at_ms);
        line_put_int(out, feedback->completed);
        line_put_number(out, feedback->has_minutes, feedback->minutes);
        line_put_number(out, feedback->has_rating, feedback->rating);
        line_put_number(out, feedback->has_improvement, feedback->improvement);
    }
    buf_char(out, '\n');
}

/* Appends a line of the feedback history. */
static void recommendation_put_feedback(struct buf *out, const struct feedback_record *record)
{
    buf_int(out, record->feedback_day);
    line_put_int(out, record->day);
    line_put_int(out, record->number);
    line_put_name(out, action_names[record->action]);
    line_put_name(out, component_names[record->area]);
    line_put_number(out, /* present */ true, record->usefulness);
    buf_char(out, '\n');
}

/* ---- parsing lines ---- */

/* A line whose words are cut off one after the other. A word that cannot be parsed sets `bad`,
 * which is checked once, at the end of the line. */
struct line {
    struct str text; /* the rest of the line, from which no word was cut off yet */
    bool bad;
};

/* Cuts off the next word and returns its index in `names`, which ends with NULL. For a word that is
 * not in `names` it sets `bad` and returns 0. */
static int line_parse_name(struct line *line, const char *const *names)
{
    struct str word = str_cut(&line->text, ' ');

    for (int i = 0; names[i]; i++)
        if (str_equal(str_of(names[i]), word))
            return i;
    line->bad = true;
    return 0;
}

/* Cuts off the next word and returns it as an integer in [min,max]. For any other word sets `bad`;
 * the result is then undefined. */
static int64_t line_parse_int(struct line *line, int64_t min, int64_t max)
{
    int64_t value = min;

    if (!str_to_int64(str_cut(&line->text, ' '), min, max, &value))
        line->bad = true;
    return value;
}

/* Cuts off the next word and returns it as a decimal number in [min,max]. For any other word sets
 * `bad`; the result is then undefined. */
static double line_parse_number(struct line *line, double min, double max)
{
    double value = min;

    if (!str_to_double(str_cut(&line->text, ' '), &value) || value < min || value > max)
        line->bad = true;
    return value;
}

/* Cuts off the next word and returns it as a number in [min,max]. If the word is "-", *ret_present
 * is false and the result 0. */
static double line_parse_optional(struct line *line, double min, double max, bool *ret_present)
{
    *ret_present = !str_starts_with(line->text, STR("- ")) && !str_equal(line->text, STR("-"));
    if (*ret_present)
        return line_parse_number(line, min, max);
    (void)str_cut(&line->text, ' ');
    return 0;
}

/* Parses the feedback at the end of a line of a day's text. */
static void line_parse_feedback(struct line *line, struct recommendation_record *ret)
{
    struct feedback *feedback = &ret->feedback;

    ret->has_feedback = true;
    ret->feedback_at_ms = line_parse_int(line, 0, INT64_MAX);
    feedback->completed = line_parse_int(line, 0, 1);
    feedback->minutes = line_parse_optional(line, 0, 1e9, &feedback->has_minutes);
    feedback->rating = (int)line_parse_optional(line, 1, 5, &feedback->has_rating);
    feedback->improvement = line_parse_optional(line, -1, 1, &feedback->has_improvement);
}

/* Parses line `number` (from 1) of the text of `day`. Parsing is as strict as writing: returns
 * false for a line that this program cannot have written. */
static bool recommendation_parse_record(struct str text, int32_t day, int number,
                                        struct recommendation_record *ret)
{
    struct line line = {.text = text};

    *ret = (struct recommendation_record){
        .day = day, .number = number, .item = str_cut(&line.text, ' ')};
    ret->at_ms = line_parse_int(&line, 0, INT64_MAX);
    ret->action = (enum action)line_parse_name(&line, action_names);
    ret->area = (enum component)line_parse_name(&line, component_names);
    ret->difficulty = (enum difficulty)line_parse_name(&line, difficulty_names);
    ret->priority = (enum priority)line_parse_name(&line, priority_names);
    ret->reason = (enum reason)line_parse_name(&line, reason_names);
    ret->minutes = (int)line_parse_int(&line, 1, INT32_MAX);
    ret->score = line_parse_number(&line, 0, 1);
    ret->gap = line_parse_number(&line, 0, 1);
    ret->confidence = line_parse_number(&line, 0, 1);
    if (line.text.n > 0)
        line_parse_feedback(&line, ret);
    return !line.bad && line.text.n == 0 && id_valid(ret->item);
}

/* Parses a line of the feedback history. Returns false if it has another form. */
static bool recommendation_parse_feedback(struct str text, struct feedback_record *ret)
{
    struct line line = {.text = text};

    ret->feedback_day = (int32_t)line_parse_int(&line, 0, INT32_MAX);
    ret->day = (int32_t)line_parse_int(&line, 0, INT32_MAX);
    ret->number = (int)line_parse_int(&line, 1, NUMBER_MAX);
    ret->action = (enum action)line_parse_name(&line, action_names);
    ret->area = (enum component)line_parse_name(&line, component_names);
    ret->usefulness = line_parse_number(&line, 0, 1);
    return !line.bad && line.text.n == 0;
}

/* Returns whether the text ends with a line feed or is empty. Memory is allocated for lines_count,
 * the number of line feeds, so parsing must not find one more line after the last line feed. */
static bool lines_are_complete(struct str text)
{
    return text.n == 0 || text.p[text.n - 1] == '\n';
}

/* Returns the number of line feeds in the text. */
static size_t lines_count(struct str text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\n')
            n++;
    }
    return n;
}

/* Parses all lines of the text of `day` into v, which has room for as many recommendations as the
 * text has lines. Returns false if a line has another form. */
static bool recommendation_parse_day(struct str text, int32_t day, struct recommendation_record *v)
{
    bool valid = lines_are_complete(text);

    for (int number = 1; valid && text.n > 0; number++)
        valid = recommendation_parse_record(str_cut(&text, '\n'), day, number, v++);
    return valid;
}

/* Parses the student's text: the token and the feedback history. Returns false if it has another
 * form. The text is empty for a student without token and feedback. */
static bool recommendation_parse_student_text(struct str text, struct recommendations *ret)
{
    if (text.n == 0)
        return true;
    ret->token = str_cut(&text, '\n');
    if (!recommendation_is_token(ret->token) || !lines_are_complete(text) ||
        lines_count(text) > FEEDBACK_HISTORY_MAX)
        return false;
    while (text.n > 0)
        if (!recommendation_parse_feedback(str_cut(&text, '\n'),
                                           &ret->feedback_history[ret->feedback_count++]))
            return false;
    return true;
}

/* ---- one day ---- */

/* Reads all texts with a single MGET, so that they fit together. */
struct command *recommendation_cmd_get(struct pipeline *pipeline, struct str student, int32_t day,
                                       bool with_path)
{
    struct str argv[4] = {STR("MGET")};

    if (!key_student_recommendations(pipeline->arena, student, day, /* count */ 1, &argv[1]))
        pipeline->failed = true;
    argv[2] = key_student(pipeline->arena, student, STUDENT_KEY_RECOMMENDED);
    if (with_path)
        argv[3] = key_student(pipeline->arena, student, STUDENT_KEY_PATH);
    return pipeline_add(pipeline, COMMAND_READ, with_path ? 4 : 3, argv);
}

/* Returns in *ret the text at index i of a reply to MGET; an absent one becomes "". Returns false
 * for any other reply. */
static bool recommendation_text_at(const redisReply *reply, size_t i, struct str *ret)
{
    *ret = (struct str){"", 0};
    return reply_text(reply_at(reply, i), ret) != REPLY_ERROR;
}

/* The reply is [day's text, student's text], or the same with the learning path after them. A text
 * of another form is an INTERNAL_ERROR, and so is a lack of memory for ret->v. */
bool recommendation_parse(const struct command *command, struct arena *arena, int32_t day,
                          size_t room, struct recommendations *ret, struct problem *p)
{
    size_t n;

    *ret = (struct recommendations){.day = day};
    if (reply_array(command->reply, 3, &n) != REPLY_OK || n < 2 ||
        !recommendation_text_at(command->reply, 0, &ret->day_text) ||
        !recommendation_text_at(command->reply, 1, &ret->student_text) ||
        (n == 3 && !recommendation_text_at(command->reply, 2, &ret->path))) {
        reply_problem(command->reply, p);
        return false;
    }
    ret->n = lines_count(ret->day_text);
    ret->v = arena_array(arena, ret->n + room, sizeof(*ret->v));
    if (ret->v && recommendation_parse_day(ret->day_text, day, ret->v) &&
        recommendation_parse_student_text(ret->student_text, ret))
        return true;
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

/* Appends the feedback `added` to the history. First removes earlier feedback on the same
 * recommendation, feedback that is HISTORY_DAYS old or older, and the oldest feedback if there is
 * still no room. */
static void recommendation_update_history(struct recommendations *recommendations,
                                          const struct feedback_record *added)
{
    size_t count = 0;

    for (size_t i = 0; i < recommendations->feedback_count; i++) {
        const struct feedback_record *old = &recommendations->feedback_history[i];

        if ((old->day != added->day || old->number != added->number) &&
            old->feedback_day > added->feedback_day - HISTORY_DAYS)
            recommendations->feedback_history[count++] = *old;
    }
    if (count == FEEDBACK_HISTORY_MAX) {
        memmove(recommendations->feedback_history, recommendations->feedback_history + 1,
                (FEEDBACK_HISTORY_MAX - 1) * sizeof(recommendations->feedback_history[0]));
        count--;
    }
    recommendations->feedback_history[count++] = *added;
    recommendations->feedback_count = count;
}

/* Stores the whole feedback in the line of the recommendation. The history gets only what the
 * confidence of later recommendations needs. */
void recommendation_add_feedback(struct recommendations *recommendations, int number,
                                 const struct feedback *feedback, int64_t now_ms)
{
    struct recommendation_record *record = &recommendations->v[number - 1];
    const struct feedback_record added = {.feedback_day = day_of_ms(now_ms),
                                          .day = record->day,
                                          .number = number,
                                          .action = record->action,
                                          .area = record->area,
                                          .usefulness = feedback_usefulness(feedback)};

    record->has_feedback = true;
    record->feedback_at_ms = now_ms;
    record->feedback = *feedback;
    recommendation_update_history(recommendations, &added);
}

/* Returns the day's text: one line for each recommendation, by number. Its p is NULL when out of
 * memory. */
static struct str recommendation_day_text(struct arena *arena,
                                          const struct recommendations *recommendations)
{
    struct buf out;

    buf_init(&out, arena);
    /* about what the lines take; the buffer grows if they are longer */
    (void)buf_reserve(&out, recommendations->n * 160);
    for (size_t i = 0; i < recommendations->n; i++)
        recommendation_put_record(&out, &recommendations->v[i]);
    return out.failed ? (struct str){0} : buf_view(&out);
}

/* Returns the student's text: the token, and the feedback history, oldest first. Its p is
 * NULL when out of memory. */
static struct str recommendation_student_text(struct arena *arena,
                                              const struct recommendations *recommendations)
{
    struct buf out;

    buf_init(&out, arena);
    buf_str(&out, recommendations->token);
    buf_char(&out, '\n');
    for (size_t i = 0; i < recommendations->feedback_count; i++)
        recommendation_put_feedback(&out, &recommendations->feedback_history[i]);
    return out.failed ? (struct str){0} : buf_view(&out);
}

/* Returns the expiry for Redis, as text in seconds since 1970: the time at which `day` is no longer
 * part of the history. */
static struct str recommendation_expiry(struct arena *arena, int32_t day)
{
    return command_int(arena, day_start_ms(day + HISTORY_DAYS) / 1000);
}

/* Calls recommendation_change.lua. The first key is set below, because the function that makes it
 * can fail. Arguments: the two texts as they were read, which Redis must still have; the two new
 * texts; the expiry of the day's text (by its day) and that of the others (by today); the student's
 * id; the learning path. Without a learning path, its key and its argument are omitted. */
struct command *recommendation_cmd_change(struct pipeline *pipeline,
                                          const struct recommendation_change *change)
{
    const struct recommendations *new = change->recommendations;
    struct arena *arena = pipeline->arena;
    bool has_path = change->path.n > 0;
    struct str argv[/* keys */ 6 + /* arguments */ 8] = {
        {0},
        key_student(arena, change->student, STUDENT_KEY_RECOMMENDED),
        key_recommended(arena, new->token),
        key_student(arena, change->student, STUDENT_KEY_ERASED),
        key_student(arena, change->student, STUDENT_KEY_PROFILE)};
    struct str *arg = argv + 5;

    if (!key_student_recommendations(arena, change->student, new->day, /* count */ 1, &argv[0]))
        pipeline->failed = true;
    if (has_path)
        *arg++ = key_student(arena, change->student, STUDENT_KEY_PATH);
    *arg++ = new->day_text;
    *arg++ = new->student_text;
    *arg++ = recommendation_day_text(arena, new);
    *arg++ = recommendation_student_text(arena, new);
    *arg++ = recommendation_expiry(arena, new->day);
    *arg++ = recommendation_expiry(arena, change->today);
    *arg++ = change->student;
    if (has_path)
        *arg++ = change->path;
    return pipeline_add_script(pipeline, &script_recommendation_change, has_path ? 6 : 5,
                               (int)(arg - argv), argv);
}

/* The reply of recommendation_change.lua is a number or, when a stored text differs from the one
 * that was read, the stored texts of the day and of the student. */
enum recommendation_outcome recommendation_parse_change(const struct command *command,
                                                        struct problem *p)
{
    int64_t code; /* 1: saved; 0: the student is erased; -1: consent is withdrawn */
    size_t n;

    if (reply_int(command->reply, &code) == REPLY_OK) {
        if (code == 1)
            return RECOMMENDATIONS_SAVED;
        return code == 0 ? RECOMMENDATIONS_ERASED : RECOMMENDATIONS_WITHDRAWN;
    }
    if (reply_array(command->reply, 2, &n) == REPLY_OK)
        return RECOMMENDATIONS_OUTDATED;
    reply_problem(command->reply, p);
    return RECOMMENDATIONS_PROBLEM;
}

/* ---- many days ---- */

/* Reads the student's text, then the text of each day, with one MGET. */
struct command *recommendation_cmd_days(struct pipeline *pipeline, struct str student,
                                        int32_t first_day, int count)
{
    struct str argv[2 + RECOMMENDATION_DAYS_MAX] = {STR("MGET")};

    argv[1] = key_student(pipeline->arena, student, STUDENT_KEY_RECOMMENDED);
    if (!key_student_recommendations(pipeline->arena, student, first_day, count, argv + 2))
        pipeline->failed = true;
    return pipeline_add(pipeline, COMMAND_READ, 2 + count, argv);
}

/* Parses the texts of all days from first_day on (all elements of the reply but the first, the
 * student's text) into one array, for which their lines are counted first. */
static bool recommendation_parse_records(const redisReply *reply, size_t days, struct arena *arena,
                                         int32_t first_day,
                                         struct recommendation_record **ret_records,
                                         size_t *ret_count)
{
    struct recommendation_record *next;
    size_t n = 0;
    struct str text;

    for (size_t i = 0; i < days; i++) {
        if (!recommendation_text_at(reply, 1 + i, &text))
            return false;
        n += lines_count(text);
    }
    next = arena_array(arena, n, sizeof(*next));
    if (!next)
        return false;
    *ret_records = next; /* the start of the array; `next` advances */
    *ret_count = n;
    for (size_t i = 0; i < days; i++) {
        if (!recommendation_text_at(reply, 1 + i, &text) ||
            !recommendation_parse_day(text, first_day + (int32_t)i, next))
            return false;
        next += lines_count(text);
    }
    return true;
}

/* Parses the first text, the student's, from which only the token is returned, then the texts of
 * the days. */
bool recommendation_parse_days(const struct command *command, struct arena *arena,
                               int32_t first_day, struct recommendation_record **ret_records,
                               size_t *ret_count, struct str *ret_token, struct problem *p)
{
    struct recommendations student_part = {0};
    struct str text;
    size_t n;

    if (reply_array(command->reply, 1 + RECOMMENDATION_DAYS_MAX, &n) != REPLY_OK || n < 1 ||
        !recommendation_text_at(command->reply, 0, &text)) {
        reply_problem(command->reply, p);
        return false;
    }
    if (!recommendation_parse_student_text(text, &student_part) ||
        !recommendation_parse_records(command->reply, n - 1, arena, first_day, ret_records,
                                      ret_count)) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    *ret_token = student_part.token;
    return true;
}

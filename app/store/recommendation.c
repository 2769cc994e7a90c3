/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/recommendation.h"

#include <stdio.h>

#include "app/base/buf.h"
#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/store/keys.h"
#include "app/store/reply.h"

enum { TOKEN_BYTES = 16, TOKEN_N = 2 + 2 * TOKEN_BYTES, NUMBER_MAX = 100000 };

/* ---- ids ---- */

struct str recommendation_token(struct arena *arena, struct str student)
{
    unsigned char bytes[1 + TOKEN_BYTES];
    char text[TOKEN_N + 1];

    bytes[0] = (unsigned char)key_shard(student);
    random_bytes(bytes + 1, TOKEN_BYTES);
    hex_print(bytes, sizeof(bytes), text);
    return arena_copy(arena, (struct str){text, TOKEN_N});
}

/* 20260131 */
static int32_t date_number(int32_t day)
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
                   date_number(day), number);
}

static bool is_token(struct str text)
{
    if (text.n != TOKEN_N)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (!memchr("0123456789abcdef", text.p[i], 16))
            return false;
    return true;
}

/* Of 8 digits. */
static bool read_date(struct str digits, int32_t *ret_day)
{
    char text[DAY_TEXT_SIZE];

    if (digits.n != 8)
        return false;
    (void)snprintf(text, sizeof(text), "%.4s-%.2s-%.2s", digits.p, digits.p + 4, digits.p + 6);
    return day_parse(str_of(text), ret_day);
}

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
    if (!is_token(token) || !str_to_int64(id, 1, NUMBER_MAX, &number) || !read_date(date, ret_day))
        return false;
    *ret_token = token;
    *ret_number = (int)number;
    return true;
}

struct command *recommendation_cmd_student(struct pipeline *a, struct str token)
{
    return pipeline_add(a, COMMAND_READ, 2,
                        (struct str[]){STR("GET"), key_recommended(a->arena, token)});
}

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

/* ---- lines ---- */

static void put_word(struct buf *out, const char *word)
{
    buf_char(out, ' ');
    buf_text(out, word);
}

static void put_int(struct buf *out, int64_t value)
{
    buf_char(out, ' ');
    buf_int(out, value);
}

static void put_number(struct buf *out, bool there, double value)
{
    buf_char(out, ' ');
    if (there)
        buf_number(out, value);
    else
        buf_char(out, '-');
}

static void put_given(struct buf *out, const struct recommendation_record *g)
{
    const struct feedback *f = &g->feedback;

    buf_str(out, g->item);
    put_int(out, g->at_ms);
    put_word(out, action_names[g->action]);
    put_word(out, component_names[g->area]);
    put_word(out, difficulty_names[g->difficulty]);
    put_word(out, priority_names[g->priority]);
    put_word(out, reason_names[g->reason]);
    put_int(out, g->minutes);
    put_number(out, true, g->score);
    put_number(out, true, g->gap);
    put_number(out, true, g->confidence);
    if (g->has_feedback) {
        put_int(out, g->feedback_at_ms);
        put_int(out, f->completed);
        put_number(out, f->has_minutes, f->minutes);
        put_number(out, f->has_rating, f->rating);
        put_number(out, f->has_improvement, f->improvement);
    }
    buf_char(out, '\n');
}

static void put_heard(struct buf *out, const struct feedback_record *h)
{
    buf_int(out, h->feedback_day);
    put_int(out, h->day);
    put_int(out, h->number);
    put_word(out, action_names[h->action]);
    put_word(out, component_names[h->area]);
    put_number(out, true, h->usefulness);
    buf_char(out, '\n');
}

/* Takes word after word off a line; what cannot be taken leaves it bad. */
struct line {
    struct str rest;
    bool bad;
};

static int take_word(struct line *l, const char *const *names)
{
    struct str word = str_cut(&l->rest, ' ');

    for (int i = 0; names[i]; i++)
        if (str_equal(str_of(names[i]), word))
            return i;
    l->bad = true;
    return 0;
}

static int64_t take_int(struct line *l, int64_t min, int64_t max)
{
    int64_t value = min;

    if (!str_to_int64(str_cut(&l->rest, ' '), min, max, &value))
        l->bad = true;
    return value;
}

static double take_number(struct line *l, double min, double max)
{
    double value = min;

    if (!str_to_double(str_cut(&l->rest, ' '), &value) || value < min || value > max)
        l->bad = true;
    return value;
}

static double take_optional(struct line *l, double min, double max, bool *ret_there)
{
    *ret_there = !str_starts_with(l->rest, STR("- ")) && !str_equal(l->rest, STR("-"));
    if (*ret_there)
        return take_number(l, min, max);
    (void)str_cut(&l->rest, ' ');
    return 0;
}

static void take_feedback(struct line *l, struct recommendation_record *ret)
{
    struct feedback *f = &ret->feedback;

    ret->has_feedback = true;
    ret->feedback_at_ms = take_int(l, 0, INT64_MAX);
    f->completed = take_int(l, 0, 1);
    f->minutes = take_optional(l, 0, 1e9, &f->has_minutes);
    f->rating = (int)take_optional(l, 1, 5, &f->has_rating);
    f->improvement = take_optional(l, -1, 1, &f->has_improvement);
}

static bool take_given(struct str text, int32_t day, int number, struct recommendation_record *ret)
{
    struct line l = {.rest = text};

    *ret =
        (struct recommendation_record){.day = day, .number = number, .item = str_cut(&l.rest, ' ')};
    ret->at_ms = take_int(&l, 0, INT64_MAX);
    ret->action = (enum action)take_word(&l, action_names);
    ret->area = (enum component)take_word(&l, component_names);
    ret->difficulty = (enum difficulty)take_word(&l, difficulty_names);
    ret->priority = (enum priority)take_word(&l, priority_names);
    ret->reason = (enum reason)take_word(&l, reason_names);
    ret->minutes = (int)take_int(&l, 1, INT32_MAX);
    ret->score = take_number(&l, 0, 1);
    ret->gap = take_number(&l, 0, 1);
    ret->confidence = take_number(&l, 0, 1);
    if (l.rest.n > 0)
        take_feedback(&l, ret);
    return !l.bad && l.rest.n == 0 && id_valid(ret->item);
}

static bool take_heard(struct str text, struct feedback_record *ret)
{
    struct line l = {.rest = text};

    ret->feedback_day = (int32_t)take_int(&l, 0, INT32_MAX);
    ret->day = (int32_t)take_int(&l, 0, INT32_MAX);
    ret->number = (int)take_int(&l, 1, NUMBER_MAX);
    ret->action = (enum action)take_word(&l, action_names);
    ret->area = (enum component)take_word(&l, component_names);
    ret->usefulness = take_number(&l, 0, 1);
    return !l.bad && l.rest.n == 0;
}

/* Each line ends with its newline: what counts them and what takes them must agree. */
static bool whole_lines(struct str text)
{
    return text.n == 0 || text.p[text.n - 1] == '\n';
}

static size_t count_lines(struct str text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

/* v has room for as many lines as the text has. */
static bool take_day(struct str text, int32_t day, struct recommendation_record *v)
{
    bool good = whole_lines(text);

    for (int number = 1; good && text.n > 0; number++)
        good = take_given(str_cut(&text, '\n'), day, number, v++);
    return good;
}

static bool take_own(struct str text, struct recommendations *ret)
{
    if (text.n == 0)
        return true;
    ret->token = str_cut(&text, '\n');
    if (!is_token(ret->token) || !whole_lines(text) || count_lines(text) > FEEDBACK_HISTORY_MAX)
        return false;
    while (text.n > 0)
        if (!take_heard(str_cut(&text, '\n'), &ret->feedback_history[ret->feedback_count++]))
            return false;
    return true;
}

/* ---- one day ---- */

struct command *recommendation_cmd_get(struct pipeline *a, struct str student, int32_t day,
                                       bool with_path)
{
    struct str argv[4] = {STR("MGET")};

    if (!key_student_recommendations(a->arena, student, day, 1, &argv[1]))
        a->failed = true;
    argv[2] = key_student(a->arena, student, STUDENT_KEY_RECOMMENDED);
    if (with_path)
        argv[3] = key_student(a->arena, student, STUDENT_KEY_PATH);
    return pipeline_add(a, COMMAND_READ, with_path ? 4 : 3, argv);
}

/* An absent text is an empty one. */
static bool text_at(const redisReply *reply, size_t i, struct str *ret)
{
    *ret = (struct str){"", 0};
    return reply_text(reply_at(reply, i), ret) != REPLY_ERROR;
}

bool recommendation_parse(const struct command *command, struct arena *arena, int32_t day,
                          size_t room, struct recommendations *ret, struct problem *p)
{
    size_t n;

    *ret = (struct recommendations){.day = day};
    if (reply_array(command->reply, 3, &n) != REPLY_OK || n < 2 ||
        !text_at(command->reply, 0, &ret->day_text) ||
        !text_at(command->reply, 1, &ret->student_text) ||
        (n == 3 && !text_at(command->reply, 2, &ret->path))) {
        reply_problem(command->reply, p);
        return false;
    }
    ret->n = count_lines(ret->day_text);
    ret->v = arena_array(arena, ret->n + room, sizeof(*ret->v));
    if (ret->v && take_day(ret->day_text, day, ret->v) && take_own(ret->student_text, ret))
        return true;
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return false;
}

/* Leaves out what was said of the same recommendation before, what is older than 90 days, and the
 * oldest if it is too much. */
static void hear(struct recommendations *r, const struct feedback_record *said)
{
    size_t kept = 0;

    for (size_t i = 0; i < r->feedback_count; i++) {
        const struct feedback_record *h = &r->feedback_history[i];

        if ((h->day != said->day || h->number != said->number) &&
            h->feedback_day > said->feedback_day - HISTORY_DAYS)
            r->feedback_history[kept++] = *h;
    }
    if (kept == FEEDBACK_HISTORY_MAX) {
        memmove(r->feedback_history, r->feedback_history + 1,
                (FEEDBACK_HISTORY_MAX - 1) * sizeof(r->feedback_history[0]));
        kept--;
    }
    r->feedback_history[kept++] = *said;
    r->feedback_count = kept;
}

void recommendation_add_feedback(struct recommendations *r, int number,
                                 const struct feedback *feedback, int64_t now_ms)
{
    struct recommendation_record *g = &r->v[number - 1];
    const struct feedback_record said = {.feedback_day = day_of_ms(now_ms),
                                         .day = g->day,
                                         .number = number,
                                         .action = g->action,
                                         .area = g->area,
                                         .usefulness = feedback_usefulness(feedback)};

    g->has_feedback = true;
    g->feedback_at_ms = now_ms;
    g->feedback = *feedback;
    hear(r, &said);
}

static struct str day_text(struct arena *arena, const struct recommendations *r)
{
    struct buf out;

    buf_init(&out, arena);
    (void)buf_reserve(&out, r->n * 160);
    for (size_t i = 0; i < r->n; i++)
        put_given(&out, &r->v[i]);
    return out.failed ? (struct str){0} : buf_view(&out);
}

static struct str own_text(struct arena *arena, const struct recommendations *r)
{
    struct buf out;

    buf_init(&out, arena);
    buf_str(&out, r->token);
    buf_char(&out, '\n');
    for (size_t i = 0; i < r->feedback_count; i++)
        put_heard(&out, &r->feedback_history[i]);
    return out.failed ? (struct str){0} : buf_view(&out);
}

static struct str expiry(struct arena *arena, int32_t day)
{
    return arena_printf(arena, "%lld", (long long)day_start_ms(day + HISTORY_DAYS) / 1000);
}

struct command *recommendation_cmd_change(struct pipeline *a,
                                          const struct recommendation_change *change)
{
    const struct recommendations *to = change->recommendations;
    struct arena *arena = a->arena;
    bool path = change->path.n > 0;
    struct str argv[6 + 8] = {{0},
                              key_student(arena, change->student, STUDENT_KEY_RECOMMENDED),
                              key_recommended(arena, to->token),
                              key_student(arena, change->student, STUDENT_KEY_ERASED),
                              key_student(arena, change->student, STUDENT_KEY_PROFILE)};
    struct str *arg = argv + 5;

    if (!key_student_recommendations(arena, change->student, to->day, 1, &argv[0]))
        a->failed = true;
    if (path)
        *arg++ = key_student(arena, change->student, STUDENT_KEY_PATH);
    *arg++ = to->day_text;
    *arg++ = to->student_text;
    *arg++ = day_text(arena, to);
    *arg++ = own_text(arena, to);
    *arg++ = expiry(arena, to->day);
    *arg++ = expiry(arena, change->today);
    *arg++ = change->student;
    if (path)
        *arg++ = change->path;
    return pipeline_add_script(a, &script_recommendation_change, path ? 6 : 5, (int)(arg - argv),
                               argv);
}

enum recommendation_outcome recommendation_parse_change(const struct command *command,
                                                        struct problem *p)
{
    int64_t kept;
    size_t n;

    if (reply_int(command->reply, &kept) == REPLY_OK)
        return kept == 1   ? RECOMMENDATIONS_SAVED
               : kept == 0 ? RECOMMENDATIONS_ERASED
                           : RECOMMENDATIONS_WITHDRAWN;
    if (reply_array(command->reply, 2, &n) == REPLY_OK)
        return RECOMMENDATIONS_OUTDATED;
    reply_problem(command->reply, p);
    return RECOMMENDATIONS_PROBLEM;
}

/* ---- many days ---- */

struct command *recommendation_cmd_days(struct pipeline *a, struct str student, int32_t first,
                                        int count)
{
    struct str argv[2 + RECOMMENDATION_DAYS_MAX] = {STR("MGET")};

    argv[1] = key_student(a->arena, student, STUDENT_KEY_RECOMMENDED);
    if (!key_student_recommendations(a->arena, student, first, count, argv + 2))
        a->failed = true;
    return pipeline_add(a, COMMAND_READ, 2 + count, argv);
}

static bool take_days(const redisReply *reply, size_t days, struct arena *arena, int32_t first,
                      struct recommendation_record **ret_given, size_t *ret_count)
{
    struct recommendation_record *v;
    size_t n = 0;
    struct str text;

    for (size_t i = 0; i < days; i++) {
        if (!text_at(reply, 1 + i, &text))
            return false;
        n += count_lines(text);
    }
    v = arena_array(arena, n + 1, sizeof(*v));
    if (!v)
        return false;
    *ret_given = v;
    *ret_count = n;
    for (size_t i = 0; i < days; i++) {
        if (!text_at(reply, 1 + i, &text) || !take_day(text, first + (int32_t)i, v))
            return false;
        v += count_lines(text);
    }
    return true;
}

bool recommendation_parse_days(const struct command *command, struct arena *arena, int32_t first,
                               struct recommendation_record **ret_given, size_t *ret_count,
                               struct str *ret_token, struct problem *p)
{
    struct recommendations own = {0};
    struct str text;
    size_t n;

    if (reply_array(command->reply, 1 + RECOMMENDATION_DAYS_MAX, &n) != REPLY_OK || n < 1 ||
        !text_at(command->reply, 0, &text)) {
        reply_problem(command->reply, p);
        return false;
    }
    if (!take_own(text, &own) ||
        !take_days(command->reply, n - 1, arena, first, ret_given, ret_count)) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    *ret_token = own.token;
    return true;
}

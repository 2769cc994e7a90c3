/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads a cohort's members in batches and ranks them by their need for attention. Everything is
 * computed from packed states, without the JSON of a result. */
#include "app/service/overview.h"

#include <stdlib.h>

#include "app/base/clock.h"
#include "app/base/number.h"
#include "app/service/history.h"
#include "app/service/predict.h"

const char *const overview_sort_names[OVERVIEW_SORTS + 1] = {[OVERVIEW_BY_ATTENTION] = "attention",
                                                             [OVERVIEW_BY_MASTERY] = "mastery",
                                                             [OVERVIEW_BY_TREND] = "trend",
                                                             [OVERVIEW_BY_ID] = "student_id"};

/* Allocates one member more than there are, because an array of length 0 could look like a failed
 * allocation. */
bool overview_fill(struct overview *o, struct str_list students, struct arena *arena,
                   struct problem *p)
{
    o->n = students.n;
    o->members = arena_array(arena, o->n + 1, sizeof(*o->members));
    if (!o->members) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    for (size_t i = 0; i < o->n; i++)
        o->members[i].id = students.v[i];
    return true;
}

/* ---- one member ---- */

/* Sets the change of the score in the last ATTENTION_DAYS days: since the close of the latest day
 * that is at least so long ago or, when the history is shorter, since its first day. A first day
 * that is also the day of the present score has nothing to be compared with. */
static void overview_find_change(struct overview_member *m, const struct history *history,
                                 int32_t state_day, int32_t today)
{
    const struct daily *base = &history->days[0];

    for (size_t i = 1; i < history->n && history->days[i].day <= today - ATTENTION_DAYS; i++)
        base = &history->days[i];
    m->facts.has_change = base->day <= today - ATTENTION_DAYS || base->day < state_day;
    if (m->facts.has_change)
        m->facts.change = number_round12(m->score - base->score);
}

/* Predicts the score in ATTENTION_DAYS days, as predictions/next-week does. */
static void overview_predict(const struct overview *o, struct overview_member *m,
                             const struct history *history, int32_t today)
{
    struct forecast forecast;
    struct prediction prediction;

    predict_fit(o->config, predict_model(o->config), history, today, &forecast);
    forecast_at(&forecast, today + ATTENTION_DAYS, /* no intervention */ 0, &prediction);
    m->trend = prediction.trend;
    m->predicted_score = m->facts.predicted_score = prediction.score;
    m->interval = prediction.interval;
}

/* Fills a member from the replies about it. False with a problem. */
static bool overview_parse_member(const struct overview *o, struct overview_member *m,
                                  struct command *const commands[2], struct problem *p)
{
    int32_t today = day_of_ms(o->now_ms), inactive;
    struct mastery_state state;
    struct history history;

    if (!student_parse_state(commands[0], &state, p))
        return false;
    m->kind = student_has_withdrawn(commands[0], CONSENT_ANALYTICS) ? OVERVIEW_WITHDRAWN
              : mastery_state_empty(&state)                         ? OVERVIEW_NO_DATA
                                                                    : OVERVIEW_KNOWN;
    if (m->kind != OVERVIEW_KNOWN)
        return true;
    if (!history_parse_nonempty(commands[1], &state, &history, p))
        return false;
    m->score = mastery_score_of_state(&state);
    m->level = mastery_level(m->score);
    m->last_active_ms =
        state.last_event_ms > state.stated_at_ms ? state.last_event_ms : state.stated_at_ms;
    inactive = today - day_of_ms(m->last_active_ms);
    m->facts.days_inactive = inactive > 0 ? inactive : 0; /* events may be an hour ahead */
    overview_find_change(m, &history, state.day, today);
    overview_predict(o, m, &history, today);
    m->need = attention_need(&m->facts);
    return true;
}

/* ---- order ---- */

/* The order of qsort: negative, 0 or positive, for ascending numbers. */
static int overview_compare_numbers(double x, double y)
{
    return (x > y) - (x < y);
}

/* Members by id: the last criterion of each order. */
static int overview_by_id(const void *a, const void *b)
{
    const struct overview_member *x = a, *y = b;

    return str_compare(x->id, y->id);
}

/* Members by kind; of the same kind by `order`, then by id. */
static int overview_by_kind(const struct overview_member *x, const struct overview_member *y,
                            int order)
{
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->kind == OVERVIEW_KNOWN && order != 0 ? order : overview_by_id(x, y);
}

/* Those with the largest need come first. */
static int overview_by_attention(const void *a, const void *b)
{
    const struct overview_member *x = a, *y = b;

    return overview_by_kind(x, y, overview_compare_numbers(y->need, x->need));
}

static int overview_by_mastery(const void *a, const void *b)
{
    const struct overview_member *x = a, *y = b;

    return overview_by_kind(x, y, overview_compare_numbers(x->score, y->score));
}

/* "declining", "stable" and "improving" are in this order by their predicted change, but not by
 * their letters. */
static int overview_trend_order(const struct overview_member *m)
{
    return strcmp(m->trend, "declining") == 0 ? -1 : strcmp(m->trend, "improving") == 0;
}

/* A missing change counts as none. */
static int overview_by_trend(const void *a, const void *b)
{
    const struct overview_member *x = a, *y = b;
    int order = 0;

    if (x->kind == OVERVIEW_KNOWN && y->kind == OVERVIEW_KNOWN)
        order = overview_trend_order(x) - overview_trend_order(y);
    if (order == 0)
        order = overview_compare_numbers(x->facts.change, y->facts.change);
    return overview_by_kind(x, y, order);
}

void overview_order(struct overview *o, enum overview_sort sort)
{
    static int (*const orders[OVERVIEW_SORTS])(const void *, const void *) = {
        [OVERVIEW_BY_ATTENTION] = overview_by_attention,
        [OVERVIEW_BY_MASTERY] = overview_by_mastery,
        [OVERVIEW_BY_TREND] = overview_by_trend,
        [OVERVIEW_BY_ID] = overview_by_id};

    qsort(o->members, o->n, sizeof(*o->members), orders[sort]);
}

/* Sorts the members by need for attention and numbers them. */
static void overview_rank(struct overview *o)
{
    overview_order(o, OVERVIEW_BY_ATTENTION);
    for (size_t i = 0; i < o->n; i++)
        o->members[i].rank = i + 1;
}

/* ---- the steps ---- */

/* Queues the reads for the next batch of members. */
static void overview_queue(struct overview *o, struct pipeline *pipeline)
{
    int32_t today = day_of_ms(o->now_ms);

    o->first = o->next;
    for (; o->next < o->n && o->next - o->first < OVERVIEW_BATCH; o->next++) {
        struct command **commands = o->commands[o->next - o->first];

        commands[0] = student_cmd_state(pipeline, o->members[o->next].id);
        commands[1] = history_cmd(pipeline, o->members[o->next].id, today);
    }
}

/* The replies to a batch are parsed, then their memory is released for the next batch. */
enum step overview_step(struct overview *o, struct pipeline *pipeline, struct problem *p)
{
    for (size_t i = o->first; i < o->next; i++) {
        if (!overview_parse_member(o, &o->members[i], o->commands[i - o->first], p))
            return STEP_DONE;
    }
    pipeline_clear(pipeline);
    arena_reset(o->reply_arena);
    overview_queue(o, pipeline);
    if (pipeline->count > 0)
        return STEP_MORE;
    overview_rank(o);
    return STEP_DONE;
}

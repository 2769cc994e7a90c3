/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads a cohort's members in batches and ranks them by their need for attention. Everything is
 * computed from packed states (a student's mastery in binary form); results that are stored as JSON
 * are not read. */
#include "app/service/overview.h"

#include <stdlib.h>

#include "app/base/clock.h"
#include "app/base/number.h"
#include "app/service/history.h"
#include "app/service/predict.h"
#include "app/store/topics.h"

const char *const overview_sort_names[OVERVIEW_SORTS + 1] = {[OVERVIEW_BY_ATTENTION] = "attention",
                                                             [OVERVIEW_BY_MASTERY] = "mastery",
                                                             [OVERVIEW_BY_TREND] = "trend",
                                                             [OVERVIEW_BY_ID] = "student_id"};

/* Allocates one member more than there are, because an array of length 0 could have a NULL address,
 * like a failed allocation. */
bool overview_fill(struct overview *o, struct str_list students, struct arena *arena,
                   struct problem *p)
{
    o->n = students.n;
    o->topics.arena = arena;
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

/* Sets the change of the score in the last ATTENTION_DAYS days: from the score of the latest day
 * that is at least ATTENTION_DAYS ago or, when the history is shorter, of its first day. If that
 * first day is the day of the present score, there is nothing to compare with. */
static void overview_find_change(struct overview_member *m, const struct history *history,
                                 int32_t state_day, int32_t today)
{
    const struct daily *base = &history->days[0];

    for (size_t i = 1; i < history->n && history->days[i].day <= today - ATTENTION_DAYS; i++)
        base = &history->days[i];
    m->outlook.has_change = base->day <= today - ATTENTION_DAYS || base->day < state_day;
    m->outlook.change = m->outlook.has_change ? number_round12(m->score - base->score) : 0;
}

/* Predicts the score ATTENTION_DAYS days ahead, in the same way as the route predictions/next-week.
 */
static void overview_predict(const struct overview *o, struct overview_member *m,
                             const struct history *history, int32_t today)
{
    struct forecast forecast;
    struct prediction prediction;

    predict_fit(o->config, predict_model(o->config), history, today, &forecast);
    forecast_at(&forecast, today + ATTENTION_DAYS, /* no intervention */ 0, &prediction);
    m->outlook.trend = prediction.trend;
    m->outlook.predicted_score = prediction.score;
    m->outlook.interval = prediction.interval;
}

/* Sets the member's outlook (prediction, trend, change) from the snapshots (closing states of
 * days), and adds it to the cache. False with a problem. */
static bool overview_parse_days(const struct overview *o, struct overview_member *m,
                                const struct overview_read *read, const struct mastery_state *state,
                                struct problem *p)
{
    int32_t today = day_of_ms(o->now_ms);
    struct history history;

    if (!history_parse_nonempty(read->days, state, &history, p))
        return false;
    overview_find_change(m, &history, state->day, today);
    overview_predict(o, m, &history, today);
    overview_cache_add(o->cache, m->id, student_stamp(read->topics), today, &m->outlook);
    return true;
}

/* Computes the member's need for attention, and the facts that the need is based on. */
static void overview_find_need(const struct overview *o, struct overview_member *m,
                               const struct mastery_state *state)
{
    int32_t inactive;

    m->last_active_ms =
        state->last_event_ms > state->stated_at_ms ? state->last_event_ms : state->stated_at_ms;
    /* negative when the last event is dated ahead */
    inactive = day_of_ms(o->now_ms) - day_of_ms(m->last_active_ms);
    m->facts = (struct attention_facts){.predicted_score = m->outlook.predicted_score,
                                        .has_change = m->outlook.has_change,
                                        .change = m->outlook.change,
                                        .days_inactive = inactive > 0 ? inactive : 0};
    m->need = attention_need(&m->facts);
}

/* Adds the member's topics to the means of the cohort, and stores the weakest ones in the member.
 * False with a problem, when the reply cannot be parsed or when out of memory. */
static bool overview_parse_topics(struct overview *o, struct overview_member *m,
                                  const struct command *command, struct problem *p)
{
    struct student_topics topics;

    if (!student_parse_topics(command, &topics, p))
        return false;
    topics_rank(topics.v, topics.n, o->now_ms);
    for (size_t i = 0; i < topics.n; i++) {
        struct str id = topic_means_add(&o->topics, topics.v[i].id, topics.v[i].mastery);

        if (i >= OVERVIEW_WEAKEST)
            continue;
        if (!id.p) /* not added, because the cohort has too many topics */
            id = arena_copy(o->topics.arena, topics.v[i].id);
        o->topics.failed = o->topics.failed || !id.p;
        m->weakest[m->weakest_count++] = (struct overview_topic){id, topics.v[i].mastery};
    }
    if (o->topics.failed)
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return !o->topics.failed;
}

/* Fills a member from the replies about it. When no snapshots were read, the outlook is that of the
 * cache, which overview_queue_member has set. False with a problem. */
static bool overview_parse_member(struct overview *o, struct overview_member *m,
                                  const struct overview_read *read, struct problem *p)
{
    struct mastery_state state;

    if (!student_parse_state(read->topics, &state, p))
        return false;
    m->kind = student_has_withdrawn(read->topics, CONSENT_ANALYTICS) ? OVERVIEW_WITHDRAWN
              : mastery_state_empty(&state)                          ? OVERVIEW_NO_DATA
                                                                     : OVERVIEW_KNOWN;
    if (m->kind != OVERVIEW_KNOWN)
        return true;
    m->score = mastery_score_of_state(&state);
    m->level = mastery_level(m->score);
    if ((read->days && !overview_parse_days(o, m, read, &state, p)) ||
        !overview_parse_topics(o, m, read->topics, p))
        return false;
    overview_find_need(o, m, &state);
    return true;
}

/* Fills a member from the replies to its commands: two (topics and days), or one script (changed).
 * False with a problem. */
static bool overview_parse_replies(struct overview *o, struct overview_member *m,
                                   const struct overview_read *read, struct problem *p)
{
    struct command topics, days;
    struct overview_read parts = {.topics = &topics};

    if (!read->changed)
        return overview_parse_member(o, m, read, p);
    if (!student_parse_changed(read->changed, &topics, &days, p))
        return false;
    parts.days = days.reply ? &days : NULL;
    return overview_parse_member(o, m, &parts, p);
}

/* ---- order ---- */

/* Returns the order of x and y for qsort: negative, 0 or positive, for ascending numbers. */
static int overview_compare_numbers(double x, double y)
{
    return (x > y) - (x < y);
}

/* Orders members for qsort by id, which is also the last criterion of all other orders. */
static int overview_by_id(const void *a, const void *b)
{
    const struct overview_member *x = a, *y = b;

    return str_compare(x->id, y->id);
}

/* Orders members by kind; those with data by `order` (negative, 0, positive); then by id. */
static int overview_by_kind(const struct overview_member *x, const struct overview_member *y,
                            int order)
{
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->kind == OVERVIEW_KNOWN && order != 0 ? order : overview_by_id(x, y);
}

/* Orders members for qsort: the largest need for attention first. */
static int overview_by_attention(const void *a, const void *b)
{
    const struct overview_member *x = a, *y = b;

    return overview_by_kind(x, y, overview_compare_numbers(y->need, x->need));
}

/* Orders members for qsort: the lowest score first. */
static int overview_by_mastery(const void *a, const void *b)
{
    const struct overview_member *x = a, *y = b;

    return overview_by_kind(x, y, overview_compare_numbers(x->score, y->score));
}

/* Returns the trend as a number to sort by: declining (-1), stable (0), improving (1). */
static int overview_trend_order(const struct overview_member *m)
{
    return strcmp(m->outlook.trend, "declining") == 0 ? -1
                                                      : strcmp(m->outlook.trend, "improving") == 0;
}

/* Orders members for qsort: by trend, then by change, the largest fall first. A missing change
 * counts as 0. */
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

/* Queues the reads of one member. A member with an entry in the cache gets the outlook of the entry
 * at once; a script then reads the snapshots only if the state has changed since. The script
 * recognises this by the entry's stamp (the last bytes of the packed state, which no other state of
 * the student has). */
static void overview_queue_member(const struct overview *o, struct overview_member *m,
                                  struct pipeline *pipeline, struct overview_read *ret)
{
    int32_t today = day_of_ms(o->now_ms), first = today - HISTORY_DAYS + 1;
    const struct overview_entry *entry = overview_cache_find(o->cache, m->id, today);
    struct str stamp;

    *ret = (struct overview_read){0};
    if (!entry) {
        ret->topics = student_cmd_topics(pipeline, m->id);
        ret->days = student_cmd_days(pipeline, m->id, ret->topics, first, HISTORY_DAYS);
        return;
    }
    m->outlook = entry->outlook;
    stamp =
        arena_copy(pipeline->arena, (struct str){(const char *)entry->stamp, sizeof(entry->stamp)});
    ret->changed = student_cmd_changed(pipeline, m->id, stamp, first, HISTORY_DAYS);
}

/* Queues the reads for the next batch of members; nothing after the last batch. */
static void overview_queue(struct overview *o, struct pipeline *pipeline)
{
    o->first = o->next;
    for (; o->next < o->n && o->next - o->first < OVERVIEW_BATCH; o->next++)
        overview_queue_member(o, &o->members[o->next], pipeline, &o->reads[o->next - o->first]);
}

/* Parses the replies to a batch of members, then releases their memory and queues the next batch.
 * After the last batch, ranks members and topics. */
enum step overview_step(struct overview *o, struct pipeline *pipeline, struct problem *p)
{
    for (size_t i = o->first; i < o->next; i++) {
        if (!overview_parse_replies(o, &o->members[i], &o->reads[i - o->first], p))
            return STEP_DONE;
    }
    pipeline_clear(pipeline);
    arena_reset(o->reply_arena);
    overview_queue(o, pipeline);
    if (pipeline->count > 0)
        return STEP_MORE;
    overview_rank(o);
    topic_means_rank(&o->topics);
    return STEP_DONE;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps of a recommendation: read the student's data, choose items (app/domain), give each item
 * its number on the day (from 1), save. Redis refuses the save when another request has saved
 * recommendations of today since they were read. The chosen items then get new numbers, after those
 * of the other request, and are saved again. */
#include "app/service/recommend.h"

#include <assert.h>

#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/service/catalogue.h"
#include "app/service/recommend_json.h"
#include "app/store/topics.h"

static_assert((int)PATH_STEPS_MAX <= (int)RECOMMENDATIONS_MAX, "one array of numbers serves both");

/* Ends the recommendation with an internal error, for example when out of memory. */
static enum step recommend_fail(struct problem *p)
{
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return STEP_DONE;
}

/* ---- choosing ---- */

/* Chooses the steps of a learning path or the items that recommend->filter allows, as
 * recommend->kind says. Points recommend->v to the array inside it that was filled, and sets
 * recommend->n. */
static void recommend_choose(struct recommend *r, const struct catalogue *catalogue)
{
    if (r->kind == RECOMMEND_PATH) {
        learning_path_plan(catalogue, &r->learner, &r->path_options, &r->path);
        r->v = r->path.steps;
        r->n = r->path.step_count;
    } else {
        r->n = recommend(catalogue, &r->learner, &r->filter, r->chosen);
        r->v = r->chosen;
    }
}

/* Sets the topic of each chosen item of the components quiz and quality, in which topics are
 * observed. Recommended items all name the component's weakest topic. The steps of a path go
 * through its topics in the order of their prerequisites, and start again when there are more steps
 * than topics. ranked: the student's n topics, the weakest first. */
static void recommend_name_topics(struct recommend *recommend, const struct topic_graph *graph,
                                  const struct topic *ranked, size_t n)
{
    static const enum component components[] = {QUIZ, QUALITY};
    static const struct topic_graph no_graph = {0};
    bool is_path = recommend->kind == RECOMMEND_PATH;
    struct recommendation *v = is_path ? recommend->path.steps : recommend->chosen;
    struct str ids[TOPIC_ORDER_MAX];

    for (size_t c = 0; c < sizeof(components) / sizeof(components[0]); c++) {
        size_t next = 0,
               count = topic_order(is_path ? graph : &no_graph, ranked, n, components[c], ids);

        for (size_t i = 0; i < recommend->n && count > 0; i++)
            if (v[i].content->component == components[c])
                v[i].topic = ids[is_path ? next++ % count : 0];
    }
}

/* Fills recommend->learner from the student's state and recent feedback. Evidence (the weight of
 * what was observed) decays with time. It is computed for the start of the UTC day, so that the
 * same request chooses the same items all day. */
static void recommend_describe_learner(struct recommend *recommend,
                                       const struct mastery_state *state)
{
    int32_t today = day_of_ms(recommend->now_ms);

    recommend->has_data = !mastery_state_empty(state);
    learner_of_state(state, day_start_ms(today), &recommend->learner);
    for (size_t i = 0; i < recommend->today.feedback_count; i++) {
        const struct feedback_record *feedback = &recommend->today.feedback_history[i];

        if (feedback->feedback_day > today - HISTORY_DAYS)
            learner_add_feedback(&recommend->learner, feedback->action, feedback->area,
                                 feedback->usefulness);
    }
}

/* ---- saving ---- */

/* Returns the number of today's recommendation of the item; 0: not recommended today. */
static int recommend_find_number(const struct recommendations *today, struct str item)
{
    for (size_t i = 0; i < today->n; i++)
        if (str_equal(today->v[i].item, item))
            return today->v[i].number;
    return 0;
}

/* Returns the record of a chosen item, as it is stored for the student. It has copies of the item's
 * properties, because the catalogue may change later. has_feedback is false: there is no feedback
 * on a new recommendation. */
static struct recommendation_record recommend_make_record(const struct recommendation *from,
                                                          int32_t day, int number, int64_t now_ms)
{
    const struct content *content = from->content;

    return (struct recommendation_record){.day = day,
                                          .number = number,
                                          .item = content->id,
                                          .at_ms = now_ms,
                                          .action = content->action,
                                          .area = content->component,
                                          .difficulty = content->difficulty,
                                          .priority = from->priority,
                                          .reason = from->reason,
                                          .minutes = content->minutes,
                                          .score = from->score,
                                          .gap = from->gap,
                                          .confidence = from->confidence};
}

/* Numbers each chosen item, from 1 on: with its number if it was recommended earlier today, else
 * with the next free one. Appends the items without an earlier number to recommend->today, which
 * has room for RECOMMENDATIONS_MAX more. Returns true when there were any. */
static bool recommend_number_all(struct recommend *recommend, int *numbers)
{
    size_t before = recommend->today.n;

    for (size_t i = 0; i < recommend->n; i++) {
        numbers[i] = recommend_find_number(&recommend->today, recommend->v[i].content->id);
        if (numbers[i] > 0)
            continue;
        numbers[i] = (int)recommend->today.n + 1;
        recommend->today.v[recommend->today.n++] = recommend_make_record(
            &recommend->v[i], recommend->today.day, numbers[i], recommend->now_ms);
    }
    recommend->numbers = numbers;
    return recommend->today.n > before;
}

/* The JSON text of a saved path begins with a head of fixed length: the path's id and its time of
 * creation. Two paths are the same when their texts after the head are equal. PATH_HEAD_N: length
 * of the head; PATH_ID_OFFSET: where the id begins in it. */
#define PATH_HEAD(id, time) "{\"path_id\":\"" id "\",\"created_at\":\"" time "\""
enum {
    PATH_ID_OFFSET = sizeof("{\"path_id\":\"") - 1,
    PATH_HEAD_N = sizeof(PATH_HEAD("", "")) - 1 + PATH_ID_SIZE - 1 + TIME_TEXT_SIZE - 1
};

/* Returns the text of a path after its head: ,"recommendations":…}. Its p is NULL when out of
 * memory. */
static struct str recommend_path_body(const struct recommend *recommend, struct arena *arena,
                                      const struct catalogue *catalogue)
{
    struct buf out;
    struct jw w = {.out = &out, .comma = true};

    buf_init(&out, arena);
    recommend_write_path_members(&w, recommend, catalogue);
    buf_char(&out, '}');
    return out.failed ? (struct str){0} : buf_view(&out);
}

/* Makes a path's id: "path_" and 128 random bits in hexadecimal digits. */
static void recommend_make_path_id(char ret_id[PATH_ID_SIZE])
{
    static const struct str prefix = STR_INIT("path_");
    unsigned char bytes[16];

    random_bytes(bytes, sizeof(bytes));
    memcpy(ret_id, prefix.p, prefix.n);
    hex_print(bytes, sizeof(bytes), ret_id + prefix.n);
}

/* Sets recommend->path_id and returns the text of the path to save; its p is NULL when out of
 * memory. When the previously saved path (recommend->today.path) is the same, uses its id again and
 * returns an empty text: nothing has to be saved. */
static struct str recommend_renew_path(struct recommend *recommend, struct arena *arena,
                                       const struct catalogue *catalogue)
{
    struct str old = recommend->today.path, body = recommend_path_body(recommend, arena, catalogue);
    char time[TIME_TEXT_SIZE];

    if (!body.p)
        return body;
    if (old.n == PATH_HEAD_N + body.n && memcmp(old.p + PATH_HEAD_N, body.p, body.n) == 0) {
        memcpy(recommend->path_id, old.p + PATH_ID_OFFSET, PATH_ID_SIZE - 1);
        return (struct str){"", 0};
    }
    recommend_make_path_id(recommend->path_id);
    time_print(recommend->now_ms, time);
    return arena_printf(arena, PATH_HEAD("%s", "%s") "%.*s", recommend->path_id, time,
                        STR_ARG(body));
}

/* Queues the write of what was chosen (STEP_MORE). Returns STEP_DONE when all of it is saved
 * already, or with a problem. A student without a token for the ids of recommendations gets one.
 * change.path is empty (n = 0) when the saved path does not change; its p is NULL when a new one
 * could not be made for lack of memory. */
static enum step recommend_save(struct recommend *recommend, const struct engine *engine,
                                struct pipeline *pipeline, struct problem *p)
{
    int *numbers = arena_array(pipeline->arena, RECOMMENDATIONS_MAX, sizeof(*numbers));
    struct recommendation_change change = {.student = recommend->student,
                                           .recommendations = &recommend->today,
                                           .today = recommend->today.day,
                                           .path = {"", 0}};
    bool changed;

    if (!numbers)
        return recommend_fail(p);
    if (recommend->today.token.n == 0)
        recommend->today.token = recommendation_token(pipeline->arena, recommend->student);
    changed = recommend_number_all(recommend, numbers);
    if (recommend->kind == RECOMMEND_PATH)
        change.path = recommend_renew_path(recommend, pipeline->arena, engine->catalogue);
    if (!change.path.p)
        return recommend_fail(p);
    if (!changed && change.path.n == 0)
        return STEP_DONE;
    pipeline_clear(pipeline);
    recommend->write_cmd = recommendation_cmd_change(pipeline, &change);
    return STEP_MORE;
}

/* ---- steps ---- */

/* The step after a write. Returns STEP_DONE when it was saved or finally refused, STEP_MORE when
 * another request has saved recommendations in between: the items get new numbers and are saved
 * again. */
static enum step recommend_after_write(struct recommend *recommend, const struct engine *engine,
                                       struct pipeline *pipeline, struct problem *p)
{
    struct str path = recommend->today.path;

    if (pipeline->status != PIPELINE_COMPLETE) {
        problem_unavailable(p, /* retry_after_s */ 1);
        return STEP_DONE;
    }
    switch (recommendation_parse_change(recommend->write_cmd, p)) {
    case RECOMMENDATIONS_SAVED:
    case RECOMMENDATIONS_ERASED: /* this and the next: the response is valid, but its ids are not
                                    stored */
    case RECOMMENDATIONS_WITHDRAWN:
    case RECOMMENDATIONS_PROBLEM: return STEP_DONE;
    case RECOMMENDATIONS_OUTDATED: break;
    }
    if (++recommend->attempts == RECOMMEND_ATTEMPTS_MAX) {
        problem_unavailable(p, /* retry_after_s */ 1);
        return STEP_DONE;
    }
    /* the reply has today's records but no path, so the path of the first read is used */
    if (!recommendation_parse(recommend->write_cmd, pipeline->arena, recommend->today.day,
                              RECOMMENDATIONS_MAX, &recommend->today, p))
        return STEP_DONE;
    recommend->today.path = path;
    return recommend_save(recommend, engine, pipeline, p);
}

/* The second step, after the reads: chooses items or a path, then saves them. Returns STEP_MORE
 * when the write is queued, STEP_DONE when nothing has to be saved (always so for a preview) or
 * after a problem. */
static enum step recommend_after_reads(struct recommend *recommend, const struct engine *engine,
                                       struct pipeline *pipeline, struct problem *p)
{
    struct mastery_state state;
    struct student_topics topics;

    if (!student_parse_state(recommend->state_cmd, &state, p) ||
        !student_parse_topics(recommend->topics_cmd, &topics, p) ||
        !recommendation_parse(recommend->recommended_cmd, pipeline->arena,
                              day_of_ms(recommend->now_ms), RECOMMENDATIONS_MAX, &recommend->today,
                              p))
        return STEP_DONE;
    recommend_describe_learner(recommend, &state);
    if (recommend->kind == RECOMMEND_PATH && !recommend->has_data) {
        problem_set(p, PROBLEM_NOT_FOUND, "There is no data about this student");
        return STEP_DONE;
    }
    topics_rank(topics.v, topics.n, recommend->now_ms);
    recommend_choose(recommend, engine->catalogue);
    recommend_name_topics(recommend, &engine->catalogue->topics, topics.v, topics.n);
    return recommend->kind == RECOMMEND_PREVIEW ? STEP_DONE
                                                : recommend_save(recommend, engine, pipeline, p);
}

/* Determines the step by the last command that was queued: a write, the reads, or none for the
 * first step, which queues the reads. */
enum step recommend_step(struct recommend *recommend, const struct engine *engine,
                         struct pipeline *pipeline, struct problem *p)
{
    if (recommend->write_cmd)
        return recommend_after_write(recommend, engine, pipeline, p);
    if (recommend->state_cmd)
        return recommend_after_reads(recommend, engine, pipeline, p);
    recommend->state_cmd = student_cmd_state(pipeline, recommend->student);
    recommend->topics_cmd = student_cmd_topics(pipeline, recommend->student);
    recommend->recommended_cmd =
        recommendation_cmd_get(pipeline, recommend->student, day_of_ms(recommend->now_ms),
                               recommend->kind == RECOMMEND_PATH);
    return STEP_MORE;
}

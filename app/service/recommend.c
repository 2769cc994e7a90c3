/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/recommend.h"

#include <assert.h>
#include <math.h>

#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/base/number.h"
#include "app/service/catalogue.h"

static_assert((int)PATH_STEPS_MAX <= (int)RECOMMENDATIONS_MAX, "one array of numbers serves both");

static enum step fail(struct problem *p)
{
    problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return STEP_DONE;
}

/* ---- choosing ---- */

static void choose(struct recommend *r, const struct catalogue *catalogue)
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

/* Evidence is that of the beginning of the day: the hours of the day change no answer. */
static void learn(struct recommend *r, const struct mastery_state *state)
{
    int32_t today = day_of_ms(r->now_ms);

    r->has_data = !mastery_state_empty(state);
    learner_of_state(state, day_start_ms(today), &r->learner);
    for (size_t i = 0; i < r->today.feedback_count; i++) {
        const struct feedback_record *h = &r->today.feedback_history[i];

        if (h->feedback_day > today - HISTORY_DAYS)
            learner_add_feedback(&r->learner, h->action, h->area, h->usefulness);
    }
}

/* ---- keeping ---- */

static int number_of(const struct recommendations *today, struct str item)
{
    for (size_t i = 0; i < today->n; i++)
        if (str_equal(today->v[i].item, item))
            return today->v[i].number;
    return 0;
}

static struct recommendation_record given_of(const struct recommendation *from, int32_t day,
                                             int number, int64_t now_ms)
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

/* Gives each its number, adding those that are not among today's; true when any was. today.v has
 * the room. */
static bool number_all(struct recommend *r, int *numbers)
{
    size_t before = r->today.n;

    for (size_t i = 0; i < r->n; i++) {
        numbers[i] = number_of(&r->today, r->v[i].content->id);
        if (numbers[i] > 0)
            continue;
        numbers[i] = (int)r->today.n + 1;
        r->today.v[r->today.n++] = given_of(&r->v[i], r->today.day, numbers[i], r->now_ms);
    }
    r->numbers = numbers;
    return r->today.n > before;
}

/* Kept paths begin with their id and time, in so many bytes. */
#define PATH_HEAD(id, time) "{\"path_id\":\"" id "\",\"created_at\":\"" time "\""
enum {
    PATH_ID_PLACE = sizeof("{\"path_id\":\"") - 1,
    PATH_HEAD_N = sizeof(PATH_HEAD("", "")) - 1 + PATH_ID_SIZE - 1 + TIME_TEXT_SIZE - 1
};

static void write_facts(struct jw *w, const struct recommend *r, const struct catalogue *catalogue);

static struct str path_facts(const struct recommend *r, struct arena *arena,
                             const struct catalogue *catalogue)
{
    struct buf out;
    struct jw w = {.out = &out, .comma = true};

    buf_init(&out, arena);
    write_facts(&w, r, catalogue);
    buf_char(&out, '}');
    return out.failed ? (struct str){0} : buf_view(&out);
}

static void make_path_id(char ret_id[PATH_ID_SIZE])
{
    static const struct str prefix = STR_INIT("path_");
    unsigned char bytes[16];

    random_bytes(bytes, sizeof(bytes));
    memcpy(ret_id, prefix.p, prefix.n);
    hex_print(bytes, sizeof(bytes), ret_id + prefix.n);
}

/* The text to keep, with p NULL without memory; or empty when the path is the one that is kept
 * already: then it has its id. */
static struct str renew_path(struct recommend *r, struct arena *arena,
                             const struct catalogue *catalogue)
{
    struct str old = r->today.path, facts = path_facts(r, arena, catalogue);
    char time[TIME_TEXT_SIZE];

    if (facts.p && old.n == PATH_HEAD_N + facts.n &&
        memcmp(old.p + PATH_HEAD_N, facts.p, facts.n) == 0) {
        memcpy(r->path_id, old.p + PATH_ID_PLACE, PATH_ID_SIZE - 1);
        return (struct str){"", 0};
    }
    make_path_id(r->path_id);
    time_print(r->now_ms, time);
    if (!facts.p)
        return facts;
    return arena_printf(arena, PATH_HEAD("%s", "%s") "%.*s", r->path_id, time, STR_ARG(facts));
}

/* From what is known to the answer, or to the change that has to be made first. */
static enum step settle(struct recommend *r, const struct engine *engine, struct pipeline *pipeline,
                        struct problem *p)
{
    int *numbers = arena_array(pipeline->arena, RECOMMENDATIONS_MAX, sizeof(*numbers));
    struct recommendation_change change = {.student = r->student,
                                           .recommendations = &r->today,
                                           .today = r->today.day,
                                           .path = {"", 0}};
    bool changed;

    if (!numbers)
        return fail(p);
    if (r->today.token.n == 0)
        r->today.token = recommendation_token(pipeline->arena, r->student);
    changed = number_all(r, numbers);
    if (r->kind == RECOMMEND_PATH)
        change.path = renew_path(r, pipeline->arena, engine->catalogue);
    if (!change.path.p)
        return fail(p);
    if (!changed && change.path.n == 0)
        return STEP_DONE;
    pipeline_clear(pipeline);
    r->write_cmd = recommendation_cmd_change(pipeline, &change);
    return STEP_MORE;
}

static enum step take_outcome(struct recommend *r, const struct engine *engine,
                              struct pipeline *pipeline, struct problem *p)
{
    struct str path = r->today.path;

    if (pipeline->status != PIPELINE_COMPLETE) {
        problem_unavailable(p, 1);
        return STEP_DONE;
    }
    switch (recommendation_parse_change(r->write_cmd, p)) {
    case RECOMMENDATIONS_SAVED:
    case RECOMMENDATIONS_ERASED: /* answered all the same: nobody can refer to it */
    case RECOMMENDATIONS_WITHDRAWN:
    case RECOMMENDATIONS_PROBLEM: return STEP_DONE;
    case RECOMMENDATIONS_OUTDATED: break;
    }
    if (++r->attempts == RECOMMEND_ATTEMPTS_MAX) {
        problem_unavailable(p, 1);
        return STEP_DONE;
    }
    if (!recommendation_parse(r->write_cmd, pipeline->arena, r->today.day, RECOMMENDATIONS_MAX,
                              &r->today, p))
        return STEP_DONE;
    r->today.path = path;
    return settle(r, engine, pipeline, p);
}

static enum step take_reads(struct recommend *r, const struct engine *engine,
                            struct pipeline *pipeline, struct problem *p)
{
    struct student_profile profile;

    if (!student_parse_profile(r->profile_cmd, &profile, p) ||
        !recommendation_parse(r->read_cmd, pipeline->arena, day_of_ms(r->now_ms),
                              RECOMMENDATIONS_MAX, &r->today, p))
        return STEP_DONE;
    learn(r, &profile.state);
    if (r->kind == RECOMMEND_PATH && !r->has_data) {
        problem_set(p, PROBLEM_NOT_FOUND, "There is no data about this student");
        return STEP_DONE;
    }
    choose(r, engine->catalogue);
    return r->kind == RECOMMEND_PREVIEW ? STEP_DONE : settle(r, engine, pipeline, p);
}

enum step recommend_step(struct recommend *r, const struct engine *engine,
                         struct pipeline *pipeline, struct problem *p)
{
    if (r->write_cmd)
        return take_outcome(r, engine, pipeline, p);
    if (r->profile_cmd)
        return take_reads(r, engine, pipeline, p);
    r->profile_cmd = student_cmd_profile(pipeline, r->student);
    r->read_cmd = recommendation_cmd_get(pipeline, r->student, day_of_ms(r->now_ms),
                                         r->kind == RECOMMEND_PATH);
    return STEP_MORE;
}

/* ---- writing ---- */

/* Cut after three places, so that what is below a threshold does not look as if it had reached it.
 */
static double shown(double score)
{
    return number_round12(floor(score * 1000 + 1e-9) / 1000);
}

/* Which score, against which threshold. */
static void put_reason(struct buf *out, struct str sentence, enum component area, double score)
{
    buf_str(out, str_cut(&sentence, '{'));
    while (sentence.n > 0) {
        struct str name = str_cut(&sentence, '}');

        if (str_equal(name, STR("area")))
            buf_text(out, component_names[area]);
        else
            buf_number(out, str_equal(name, STR("score")) ? shown(score) : gap_thresholds[area]);
        buf_str(out, str_cut(&sentence, '{'));
    }
}

static void write_description(struct jw *w, const struct catalogue *catalogue, enum reason reason,
                              double score, const struct content *content)
{
    struct buf text;

    buf_init(&text, w->out->arena);
    put_reason(&text, catalogue->reasons[reason], content->component, score);
    buf_char(&text, ' ');
    buf_str(&text, content->description);
    if (text.failed)
        w->out->failed = true;
    else
        jw_str(w, "description", buf_view(&text));
}

static void write_id(struct jw *w, struct str token, int32_t day, int number)
{
    char id[RECOMMENDATION_ID_SIZE];

    recommendation_id_print(token, day, number, id);
    jw_text(w, "recommendation_id", id);
}

static void write_resources(struct jw *w, struct str_list resources)
{
    jw_array(w, "resources");
    for (size_t i = 0; i < resources.n; i++)
        jw_str(w, NULL, resources.v[i]);
    jw_array_end(w);
}

static void write_one(struct jw *w, const struct recommend *r, size_t i,
                      const struct catalogue *catalogue)
{
    const struct recommendation *one = &r->v[i];
    const struct content *content = one->content;

    jw_object(w, NULL);
    write_id(w, r->today.token, r->today.day, r->numbers[i]);
    jw_text(w, "action", action_names[content->action]);
    jw_text(w, "area", component_names[content->component]);
    jw_text(w, "priority", priority_names[one->priority]);
    write_description(w, catalogue, one->reason, one->score, content);
    jw_int(w, "estimated_time", content->minutes);
    write_resources(w, content->resources);
    jw_text(w, "difficulty", difficulty_names[content->difficulty]);
    jw_number(w, "score_gap", one->gap);
    jw_number(w, "confidence", one->confidence);
    jw_object_end(w);
}

void recommend_write_items(struct jw *w, const struct recommend *r,
                           const struct catalogue *catalogue)
{
    jw_array(w, "recommendations");
    for (size_t i = 0; i < r->n; i++)
        write_one(w, r, i, catalogue);
    jw_array_end(w);
}

void recommend_write_areas(struct jw *w, const char *key, const struct learner *l)
{
    enum component areas[COMPONENTS];
    size_t n = priority_areas(l, areas);

    jw_array(w, key);
    for (size_t i = 0; i < n; i++)
        jw_text(w, NULL, component_names[areas[i]]);
    jw_array_end(w);
}

static void write_facts(struct jw *w, const struct recommend *r, const struct catalogue *catalogue)
{
    const struct learning_path *path = &r->path;

    recommend_write_items(w, r, catalogue);
    jw_day(w, "estimated_completion", r->today.day + path->days);
    jw_int(w, "total_time_estimate", path->minutes);
    recommend_write_areas(w, "priority_areas", &r->learner);
    jw_number(w, "expected_score", path->expected_score);
    jw_object(w, "metadata");
    jw_text(w, "current_level", level_names[path->current_level]);
    jw_text(w, "target_level", level_names[path->target_level]);
    jw_int(w, "days_estimate", path->days);
    jw_object_end(w);
}

void recommend_write_path(struct jw *w, const struct recommend *r,
                          const struct catalogue *catalogue)
{
    jw_text(w, "path_id", r->path_id);
    write_facts(w, r, catalogue);
}

static void write_feedback(struct jw *w, const struct recommendation_record *g)
{
    const struct feedback *f = &g->feedback;

    if (!g->has_feedback) {
        jw_null(w, "feedback");
        return;
    }
    jw_object(w, "feedback");
    jw_time(w, "received_at", g->feedback_at_ms);
    jw_bool(w, "completed", f->completed);
    if (f->has_minutes)
        jw_number(w, "time_taken", f->minutes);
    if (f->has_rating)
        jw_int(w, "satisfaction_rating", f->rating);
    if (f->has_improvement)
        jw_number(w, "improvement_score", f->improvement);
    jw_object_end(w);
}

void recommend_write_record(struct jw *w, struct str token, const struct recommendation_record *g,
                            const struct catalogue *catalogue)
{
    const struct content *content = catalogue_find(catalogue, g->item);

    jw_object(w, NULL);
    write_id(w, token, g->day, g->number);
    jw_time(w, "recommended_at", g->at_ms);
    jw_text(w, "action", action_names[g->action]);
    jw_text(w, "area", component_names[g->area]);
    jw_text(w, "priority", priority_names[g->priority]);
    if (content)
        write_description(w, catalogue, g->reason, g->score, content);
    else
        jw_null(w, "description");
    jw_int(w, "estimated_time", g->minutes);
    jw_text(w, "difficulty", difficulty_names[g->difficulty]);
    jw_number(w, "score_gap", g->gap);
    jw_number(w, "confidence", g->confidence);
    write_feedback(w, g);
    jw_object_end(w);
}

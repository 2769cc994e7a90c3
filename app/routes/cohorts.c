/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/cohorts: who teaches whom. */
#include <stdlib.h>

#include "app/base/ids.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/roster.h"

enum { PAGE_MAX = 1000, NAME_MAX_CHARACTERS = 200 };

static void write_ids(struct jw *w, const char *key, struct str_list ids)
{
    jw_array(w, key);
    for (size_t i = 0; i < ids.n; i++)
        jw_str(w, NULL, ids.v[i]);
    jw_array_end(w);
}

static void write_fields(struct jw *w, const struct cohort *c, bool with_students)
{
    jw_str(w, "cohort_id", c->id);
    jw_str(w, "name", c->name);
    write_ids(w, "teacher_ids", c->teachers);
    if (with_students)
        write_ids(w, "student_ids", c->students);
    jw_int(w, "student_count", c->student_count);
    jw_time(w, "created_at", c->created_at_ms);
    jw_time(w, "updated_at", c->updated_at_ms);
}

static void answer_cohort(struct exchange *x, int status, const struct cohort *c)
{
    struct jw w;

    http_response_json(&x->response, status, &w);
    jw_bool(&w, "success", true);
    write_fields(&w, c, true);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
}

/* ---- get ---- */

struct cohort_get {
    struct str cohort;
};

static enum step get_cohort(struct exchange *x)
{
    const struct cohort_get *in = x->input;
    struct command *asked = x->state;
    struct cohort cohort;

    if (!asked) {
        x->state = cohort_cmd_get(&x->pipeline, in->cohort);
        return STEP_MORE;
    }
    if (!cohort_parse(asked, x->arena, in->cohort, &cohort, &x->problem))
        return STEP_DONE;
    if (!cohort.exists)
        return exchange_fail(x, PROBLEM_NOT_FOUND);
    x->audit_subjects = cohort.students;
    answer_cohort(x, 200, &cohort);
    return STEP_DONE;
}

/* ---- put and delete ---- */

struct cohort_put {
    struct str cohort;
    struct str name;
    struct str_list teachers;
    struct str_list students;
};

static enum step put_cohort(struct exchange *x)
{
    const struct cohort_put *in = x->input;
    struct roster_change *change = x->state;

    if (!change) {
        x->state = change = arena_zalloc(x->arena, sizeof(*change));
        if (!change)
            return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
        change->new_roster = (struct cohort){.exists = true,
                                             .id = in->cohort,
                                             .name = in->name,
                                             .teachers = in->teachers,
                                             .students = in->students,
                                             .student_count = (int64_t)in->students.n,
                                             .updated_at_ms = x->now_ms};
    }
    if (roster_change_step(change, &x->pipeline, &x->problem) == STEP_MORE)
        return STEP_MORE;
    if (x->problem.code == PROBLEM_NONE)
        answer_cohort(x, change->old_roster.exists ? 200 : 201, &change->new_roster);
    return STEP_DONE;
}

static enum step delete_cohort(struct exchange *x)
{
    const struct cohort_get *in = x->input;
    struct roster_change *change = x->state;
    struct jw w;

    if (!change) {
        x->state = change = arena_zalloc(x->arena, sizeof(*change));
        if (!change)
            return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
        change->new_roster = (struct cohort){.exists = false, .id = in->cohort};
    }
    if (roster_change_step(change, &x->pipeline, &x->problem) == STEP_MORE)
        return STEP_MORE;
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_str(&w, "cohort_id", in->cohort);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- list ---- */

struct cohort_list {
    int64_t offset, limit;
};

struct cohort_list_state {
    struct command *ids, *total;
    struct str_list page;
    int64_t count;
    struct command **cohorts;
};

static int by_text(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* A teacher's own cohorts are a set without order: sorted here, and the page cut out. */
static bool own_page(struct exchange *x, const struct cohort_list *in, struct cohort_list_state *s)
{
    struct str_list *all = &s->page;

    if (!cohort_parse_ids(s->ids, x->arena, all, &x->problem))
        return false;
    qsort(all->v, all->n, sizeof(*all->v), by_text);
    s->count = (int64_t)all->n;
    if (in->offset >= s->count) {
        all->n = 0;
        return true;
    }
    all->v += in->offset;
    all->n -= (size_t)in->offset;
    if (all->n > (size_t)in->limit)
        all->n = (size_t)in->limit;
    return true;
}

static bool read_page(struct exchange *x, const struct cohort_list *in, struct cohort_list_state *s)
{
    if (!s->total)
        return own_page(x, in, s);
    if (!cohort_parse_ids(s->ids, x->arena, &s->page, &x->problem))
        return false;
    if (reply_int(s->total->reply, &s->count) == REPLY_OK)
        return true;
    reply_problem(s->total->reply, &x->problem);
    return false;
}

static enum step list_first(struct exchange *x, const struct cohort_list *in)
{
    struct cohort_list_state *s = x->state = arena_zalloc(x->arena, sizeof(*s));

    if (!s)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    if (x->caller.role == ROLE_ADMIN) {
        s->ids = cohort_cmd_page(&x->pipeline, in->offset, in->limit);
        s->total = cohort_cmd_total(&x->pipeline);
    } else {
        s->ids = cohort_cmd_of_teacher(&x->pipeline, x->caller.user);
    }
    return STEP_MORE;
}

static enum step list_second(struct exchange *x, const struct cohort_list *in,
                             struct cohort_list_state *s)
{
    if (!read_page(x, in, s))
        return STEP_DONE;
    s->cohorts = arena_array(x->arena, s->page.n + 1, sizeof(*s->cohorts));
    if (!s->cohorts)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    pipeline_clear(&x->pipeline);
    for (size_t i = 0; i < s->page.n; i++)
        s->cohorts[i] = cohort_cmd_get_summary(&x->pipeline, s->page.v[i]);
    return STEP_MORE;
}

static enum step list_cohorts(struct exchange *x)
{
    const struct cohort_list *in = x->input;
    struct cohort_list_state *s = x->state;
    struct cohort cohort;
    struct jw w;

    if (!s)
        return list_first(x, in);
    if (!s->cohorts)
        return list_second(x, in, s);
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_array(&w, "cohorts");
    for (size_t i = 0; i < s->page.n; i++) {
        if (!cohort_parse(s->cohorts[i], x->arena, s->page.v[i], &cohort, &x->problem))
            return STEP_DONE;
        if (!cohort.exists)
            continue;
        jw_object(&w, NULL);
        write_fields(&w, &cohort, false);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_int(&w, "total", s->count);
    jw_int(&w, "offset", in->offset);
    jw_int(&w, "limit", in->limit);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- the table ---- */

/* clang-format off */
static const struct rule get_rules[] = {
    {.name = "cohort_id", .type = RULE_ID, .source = IN_PATH, .required = true, .offset = offsetof(struct cohort_get, cohort), .description = "The cohort"},
    {0},
};

static const struct rule put_rules[] = {
    {.name = "cohort_id", .type = RULE_ID, .source = IN_PATH, .required = true, .offset = offsetof(struct cohort_put, cohort), .description = "The cohort"},
    {.name = "name", .type = RULE_TEXT, .required = true, .min = 1, .max = NAME_MAX_CHARACTERS, .offset = offsetof(struct cohort_put, name), .description = "Its name"},
    {.name = "teacher_ids", .type = RULE_IDS, .required = true, .max = COHORT_TEACHERS_MAX, .offset = offsetof(struct cohort_put, teachers), .description = "Who teaches it"},
    {.name = "student_ids", .type = RULE_IDS, .required = true, .max = COHORT_STUDENTS_MAX, .offset = offsetof(struct cohort_put, students), .description = "Who is in it"},
    {0},
};

static const struct rule list_rules[] = {
    {.name = "offset", .type = RULE_INT, .source = IN_QUERY, .max = 1000000, .offset = offsetof(struct cohort_list, offset), .description = "How many to skip"},
    {.name = "limit", .type = RULE_INT, .source = IN_QUERY, .min = 1, .max = PAGE_MAX, .default_value = 100, .offset = offsetof(struct cohort_list, limit), .description = "How many to show"},
    {0},
};

#define COHORT_FIELDS                                                                                                        \
    {.name = "cohort_id", .type = RULE_ID, .required = true, .description = "The cohort"},                                          \
    {.name = "name", .type = RULE_TEXT, .required = true, .description = "Its name"},                                               \
    {.name = "teacher_ids", .type = RULE_IDS, .required = true, .description = "Who teaches it"},                    \
    {.name = "student_count", .type = RULE_INT, .required = true, .description = "How many students are in it"},                    \
    {.name = "created_at", .type = RULE_TIME, .required = true, .description = "When it was first put"},                            \
    {.name = "updated_at", .type = RULE_TIME, .required = true, .description = "When it was last put"}

static const struct rule cohort_summary[] = {COHORT_FIELDS, {0}};
static const struct rule cohort_answer[] = {
    SHAPE_SUCCESS,
    COHORT_FIELDS,
    {.name = "student_ids", .type = RULE_IDS, .required = true, .description = "Who is in it"},
    SHAPE_CORRELATION,
    {0},
};

static const struct rule delete_answer[] = {
    SHAPE_SUCCESS,
    {.name = "cohort_id", .type = RULE_ID, .required = true, .description = "The cohort that is gone"},
    SHAPE_CORRELATION,
    {0},
};

static const struct rule list_answer[] = {
    SHAPE_SUCCESS,
    {.name = "cohorts", .type = RULE_OBJECTS, .required = true, .fields = cohort_summary, .description = "By id: a teacher's own, all for an admin"},
    {.name = "total", .type = RULE_INT, .required = true, .description = "How many there are in all"},
    {.name = "offset", .type = RULE_INT, .required = true, .description = "As asked for"},
    {.name = "limit", .type = RULE_INT, .required = true, .description = "As asked for"},
    SHAPE_CORRELATION,
    {0},
};

#define COHORT_PATH "/api/v1/cohorts/{cohort_id}"

static const struct route routes[] = {
    {.name = "cohort-list", .method = GET, .pattern = "/api/v1/cohorts", .bucket = "cohort", .limit_per_minute = 20,
     .access = ACCESS_READ_COHORT, .flags = ROUTE_PERSONAL, .rules = list_rules, .input_size = sizeof(struct cohort_list),
     .subject_offset = NO_SUBJECT, .handler = list_cohorts, .status = 200, .response = list_answer,
     .summary = "The cohorts the caller may see"},
    {.name = "cohort-get", .method = GET, .pattern = COHORT_PATH, .bucket = "cohort", .limit_per_minute = 20,
     .access = ACCESS_READ_COHORT, .flags = ROUTE_PERSONAL, .rules = get_rules, .input_size = sizeof(struct cohort_get),
     .subject_offset = offsetof(struct cohort_get, cohort), .handler = get_cohort, .status = 200, .response = cohort_answer,
     .summary = "A cohort with its teachers and students"},
    {.name = "cohort-put", .method = PUT, .pattern = COHORT_PATH, .bucket = "cohort", .limit_per_minute = 20,
     .access = ACCESS_ADMIN, .flags = ROUTE_PERSONAL | ROUTE_BIG_BODY | ROUTE_HEAVY | ROUTE_CONFLICT, .rules = put_rules,
     .input_size = sizeof(struct cohort_put), .subject_offset = NO_SUBJECT, .handler = put_cohort, .status = 200, .other_status = 201,
     .response = cohort_answer, .summary = "Makes a cohort (201) or replaces it (200)"},
    {.name = "cohort-delete", .method = DELETE, .pattern = COHORT_PATH, .bucket = "cohort", .limit_per_minute = 20,
     .access = ACCESS_ADMIN, .flags = ROUTE_PERSONAL | ROUTE_HEAVY | ROUTE_CONFLICT, .rules = get_rules, .input_size = sizeof(struct cohort_get),
     .subject_offset = NO_SUBJECT, .handler = delete_cohort, .status = 200, .response = delete_answer,
     .summary = "Removes a cohort and the rights that hang on it"},
};
/* clang-format on */

const struct route_table cohort_routes = {"cohorts", routes, sizeof(routes) / sizeof(routes[0])};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/cohorts: cohorts with their teachers and students. The access of teachers to students
 * depends on them. In Redis a cohort is a record and several indexes (by student, by teacher);
 * service/roster.c and store/cohort.c keep these consistent. */

#include "app/base/ids.h"
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/roster.h"
#include "app/store/lease.h"

/* PAGE_MAX: most cohorts in one page of the list. NAME_MAX_CHARACTERS: longest name of a cohort. */
enum { PAGE_MAX = 1000, NAME_MAX_CHARACTERS = 200 };

/* Writes a list of ids under a key. */
static void cohort_write_ids(struct jw *w, const char *key, struct str_list ids)
{
    jw_array(w, key);
    for (size_t i = 0; i < ids.n; i++)
        jw_str(w, NULL, ids.v[i]);
    jw_array_end(w);
}

/* Writes the fields of one cohort. with_students is false for the list of cohorts, which may have a
 * thousand cohorts of ten thousand students each. */
static void cohort_write_fields(struct jw *w, const struct cohort *c, bool with_students)
{
    jw_str(w, "cohort_id", c->id);
    jw_str(w, "name", c->name);
    cohort_write_ids(w, "teacher_ids", c->teachers);
    if (with_students)
        cohort_write_ids(w, "student_ids", c->students);
    jw_int(w, "student_count", c->student_count);
    jw_time(w, "created_at", c->created_at_ms);
    jw_time(w, "updated_at", c->updated_at_ms);
}

/* Writes a cohort with its students, the response of cohort-get and cohort-put. */
static void cohort_respond(struct exchange *x, int status, const struct cohort *c)
{
    struct jw w;

    exchange_json_begin(x, status, &w);
    cohort_write_fields(&w, c, /* with_students */ true);
    exchange_json_end(x, &w);
}

/* ---- get ---- */

/* Input of cohort-get and cohort-delete: the id of the cohort. */
struct cohort_input {
    struct str cohort;
};

/* Handler of cohort-get. The ids of the students are passed to the audit log, because the caller
 * sees who is in the cohort. */
static enum step get_cohort(struct exchange *x)
{
    const struct cohort_input *in = x->input;
    struct cohort cohort;

    if (!x->state) {
        x->state = cohort_cmd_get(&x->pipeline, in->cohort);
        return STEP_MORE;
    }
    if (!cohort_parse(x->state, x->arena, in->cohort, &cohort, &x->problem))
        return STEP_DONE;
    if (!cohort.exists)
        return exchange_fail(x, PROBLEM_NOT_FOUND);
    x->audit_subjects = cohort.students;
    cohort_respond(x, 200, &cohort);
    return STEP_DONE;
}

/* ---- put and delete ---- */

/* Returns how long the lease on the cohort (the right to change it) lasts, in ms: the limit of one
 * round trip plus a wait in the queue of heavy requests, because each round trip renews the lease.
 */
static int64_t cohort_lease_ms(const struct exchange *x)
{
    return LEASE_REQUEST_MS + x->engine->config.store_round_timeout_ms;
}

/* Input of cohort-put: the new version of the cohort. It replaces the stored one completely. */
struct cohort_put {
    struct str cohort;
    struct str name;
    struct str_list teachers;
    struct str_list students;
};

/* Handler of cohort-put: replaces the cohort or creates it, over several round trips. Their order
 * (roster_change_step): acquire the lease and read the old roster (teachers and students), remove
 * old members, write the record, add new members, release the lease. A student who is erased (all
 * personal data deleted) meanwhile is not added. */
static enum step put_cohort(struct exchange *x)
{
    const struct cohort_put *in = x->input;
    struct roster_change *change = x->state;

    if (!change) {
        change = exchange_new_state(x, sizeof(*change));
        if (!change)
            return STEP_DONE;
        change->lease_ms = cohort_lease_ms(x);
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
        cohort_respond(x, change->old_roster.exists ? 200 : 201, &change->new_roster);
    return STEP_DONE;
}

/* Handler of cohort-delete. A deletion is a change to a cohort with exists = false:
 * roster_change_step removes the index entries (by student, by teacher) before the cohort's record.
 */
static enum step delete_cohort(struct exchange *x)
{
    const struct cohort_input *in = x->input;
    struct roster_change *change = x->state;
    struct jw w;

    if (!change) {
        change = exchange_new_state(x, sizeof(*change));
        if (!change)
            return STEP_DONE;
        change->lease_ms = cohort_lease_ms(x);
        change->new_roster = (struct cohort){.exists = false, .id = in->cohort};
    }
    if (roster_change_step(change, &x->pipeline, &x->problem) == STEP_MORE)
        return STEP_MORE;
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    exchange_json_begin(x, 200, &w);
    jw_str(&w, "cohort_id", in->cohort);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* ---- list ---- */

/* Input of cohort-list: the page to show. */
struct list_input {
    int64_t offset, limit; /* cohorts to skip, and most cohorts on the page */
};

struct list_state {
    struct command *ids; /* reads the ids of the page (admin) or of all cohorts (teacher) */
    /* reads the number of cohorts; NULL for a teacher, whose cohorts are all in `ids` */
    struct command *total;
    struct str_list page;     /* ids of the cohorts on the page */
    int64_t count;            /* number of all cohorts that the caller may list */
    struct command **cohorts; /* commands that read the cohorts of the page; NULL until queued */
};

/* Parses the ids of all cohorts of a teacher, and cuts the requested page from them. Redis stores
 * the ids as a set without order, so they are sorted first. Returns false with x->problem set if
 * the reply is an error. */
static bool list_cut_page(struct exchange *x, const struct list_input *in, struct list_state *s)
{
    struct str_list *all = &s->page;

    if (!cohort_parse_ids(s->ids, x->arena, all, &x->problem))
        return false;
    str_sort(all->v, all->n);
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

/* Sets s->page to the ids of one page, and s->count to the number of all cohorts that the caller
 * may list. For a teacher (`total` is NULL) the page is cut from all of the teacher's cohorts.
 * Returns false with x->problem set if a reply is an error. */
static bool list_parse_page(struct exchange *x, const struct list_input *in, struct list_state *s)
{
    if (!s->total)
        return list_cut_page(x, in, s);
    if (!cohort_parse_ids(s->ids, x->arena, &s->page, &x->problem))
        return false;
    if (reply_count(s->total->reply, &s->count) == REPLY_OK)
        return true;
    reply_problem(s->total->reply, &x->problem);
    return false;
}

/* Queues the read of the ids. An admin lists all cohorts, which Redis returns page by page; a
 * teacher lists only the few own ones, so these are read at once. */
static enum step list_begin(struct exchange *x, const struct list_input *in)
{
    struct list_state *s = exchange_new_state(x, sizeof(*s));

    if (!s)
        return STEP_DONE;
    if (x->caller.role == ROLE_ADMIN) {
        s->ids = cohort_cmd_page(&x->pipeline, in->offset, in->limit);
        s->total = cohort_cmd_total(&x->pipeline);
    } else {
        s->ids = cohort_cmd_of_teacher(&x->pipeline, x->caller.user);
    }
    return STEP_MORE;
}

/* Queues the reading of all cohorts of the page, in one round trip. */
static enum step list_queue_cohorts(struct exchange *x, const struct list_input *in,
                                    struct list_state *s)
{
    if (!list_parse_page(x, in, s))
        return STEP_DONE;
    s->cohorts = arena_array(x->arena, s->page.n, sizeof(*s->cohorts));
    if (!s->cohorts)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    pipeline_clear(&x->pipeline);
    for (size_t i = 0; i < s->page.n; i++)
        s->cohorts[i] = cohort_cmd_get_summary(&x->pipeline, s->page.v[i]);
    return STEP_MORE;
}

/* Handler of cohort-list. Its steps: read the ids; read the cohorts of the page; respond. */
static enum step list_cohorts(struct exchange *x)
{
    const struct list_input *in = x->input;
    struct list_state *s = x->state;
    struct cohort cohort;
    struct jw w;

    if (!s)
        return list_begin(x, in);
    if (!s->cohorts)
        return list_queue_cohorts(x, in, s);
    exchange_json_begin(x, 200, &w);
    jw_array(&w, "cohorts");
    for (size_t i = 0; i < s->page.n; i++) {
        if (!cohort_parse(s->cohorts[i], x->arena, s->page.v[i], &cohort, &x->problem))
            return STEP_DONE;
        if (!cohort.exists) /* the cohort was deleted after its id was read */
            continue;
        jw_object(&w, NULL);
        cohort_write_fields(&w, &cohort, /* with_students */ false);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_int(&w, "total", s->count);
    jw_int(&w, "offset", in->offset);
    jw_int(&w, "limit", in->limit);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* ---- tables ---- */

/* clang-format off */
static const struct rule get_rules[] = RULES(
    PATH_ID("cohort_id", cohort_input, cohort, SUBJECT_GROUP, "The cohort"));

/* The fields of a new cohort. The lists may be empty, so that a cohort can be prepared before its
 * students are known. */
static const struct rule put_rules[] = RULES(
    PATH_ID("cohort_id", cohort_put, cohort, SUBJECT_GROUP, "The cohort"),
    BODY(TEXT, "name", cohort_put, name, "Its name", .required = true, .min = 1,
          .example = "Demo class",
          .max = NAME_MAX_CHARACTERS),
    BODY(IDS, "teacher_ids", cohort_put, teachers, "Who teaches it", .required = true,
          .max = COHORT_TEACHERS_MAX),
    BODY(IDS, "student_ids", cohort_put, students, "Who is in it", .required = true,
          .example = "[\"student-1\",\"student-2\",\"student-3\"]", .subject = SUBJECT_STUDENT,
          .max = COHORT_STUDENTS_MAX));

/* The fields of the list of cohorts. An offset beyond the last cohort gives an empty page, not an
 * error. */
static const struct rule list_rules[] = RULES(
    QUERY(INT, "offset", list_input, offset, "How many to skip", .max = 1000000),
    QUERY(INT, "limit", list_input, limit, "How many to show", .min = 1, .max = PAGE_MAX,
          .default_value = 100));

#define COHORT_FIELDS                                                                              \
    FIELD(ID, "cohort_id", "The cohort"), FIELD(TEXT, "name", "Its name"),                         \
    FIELD(IDS, "teacher_ids", "Who teaches it"),                                                   \
    FIELD(INT, "student_count", "How many students are in it"),                                    \
    FIELD(TIME, "created_at", "When it was created"),                                              \
    FIELD(TIME, "updated_at", "When it was last replaced")

static const struct rule cohort_summary[] = RULES(COHORT_FIELDS);
static const struct rule cohort_response[] = RULES(
    SHAPE_SUCCESS, COHORT_FIELDS,
    FIELD(IDS, "student_ids", "Who is in it"), SHAPE_CORRELATION);

static const struct rule delete_response[] = RULES(
    SHAPE_SUCCESS,
    FIELD(ID, "cohort_id", "The cohort that was deleted"), SHAPE_CORRELATION);

static const struct rule list_response[] = RULES(
    SHAPE_SUCCESS,
    FIELD(OBJECTS, "cohorts", "By id: a teacher's own, or all for an admin",
          .fields = cohort_summary),
    FIELD(INT, "total", "How many there are in all"),
    FIELD(INT, "offset", "As requested"),
    FIELD(INT, "limit", "As requested"), SHAPE_CORRELATION);

#define COHORT_PATH "/api/v1/cohorts/{cohort_id}"

static const struct route routes[] = {
    {.name = "cohort-list", .method = GET, .pattern = "/api/v1/cohorts", .bucket = "cohort",
     .limit_per_minute = 20, .access = ACCESS_READ_COHORT, .flags = ROUTE_PERSONAL,
     .rules = list_rules, .input_size = sizeof(struct list_input), .handler = list_cohorts,
     .status = 200, .response = list_response, .summary = "The cohorts the caller may see"},
    {.name = "cohort-get", .method = GET, .pattern = COHORT_PATH, .bucket = "cohort",
     .limit_per_minute = 20, .access = ACCESS_READ_COHORT, .flags = ROUTE_PERSONAL,
     .rules = get_rules, .input_size = sizeof(struct cohort_input), .handler = get_cohort,
     .status = 200, .response = cohort_response,
     .summary = "A cohort with its teachers and students"},
    {.name = "cohort-put", .method = PUT, .pattern = COHORT_PATH, .bucket = "cohort",
     .limit_per_minute = 20, .access = ACCESS_ADMIN,
     .flags = ROUTE_PERSONAL | ROUTE_BIG_BODY | ROUTE_HEAVY | ROUTE_CONFLICT, .rules = put_rules,
     .input_size = sizeof(struct cohort_put), .handler = put_cohort, .status = 200,
     .other_status = 201, .response = cohort_response,
     .summary = "Creates a cohort (201) or replaces it (200)"},
    {.name = "cohort-delete", .method = DELETE, .pattern = COHORT_PATH, .bucket = "cohort",
     .limit_per_minute = 20, .access = ACCESS_ADMIN,
     .flags = ROUTE_PERSONAL | ROUTE_HEAVY | ROUTE_CONFLICT, .rules = get_rules,
     .input_size = sizeof(struct cohort_input), .handler = delete_cohort, .status = 200,
     .response = delete_response,
     .summary = "Deletes a cohort, and with it the access of its teachers"},
};
/* clang-format on */

const struct route_table cohort_routes = {"cohorts", routes, sizeof(routes) / sizeof(routes[0]),
                                          "Groups of students with their teachers"};

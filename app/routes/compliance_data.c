/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/compliance: all that is kept of a student, shown and erased (docs/privacy.md). */
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/erase.h"
#include "app/service/export.h"

enum { PAGE_FIRST = 64 << 10, PAGE_CAP = 16 << 20 };

struct whose {
    struct str student;
};

/* ---- export ---- */

static void release_page(void *page)
{
    arena_free(page);
}

/* Each round has memory of its own, given back before the next. */
static struct export *export_begin(struct exchange *x)
{
    const struct whose *in = x->input;
    struct export *e = x->state = arena_zalloc(x->arena, sizeof(*e));
    struct arena *page = arena_new(PAGE_FIRST, PAGE_CAP);

    if (!page || !arena_defer(x->arena, release_page, page) || !e)
        return NULL;
    e->engine = x->engine;
    e->student = in->student;
    e->exported_by = x->caller.user;
    e->now_ms = x->now_ms;
    e->kinds = student_kinds;
    e->kind_count = STUDENT_KEY_COUNT;
    e->out = &x->response.body;
    e->reply_arena = page;
    pipeline_init(&x->pipeline, page, x);
    x->response.status = 200;
    x->response.content_type = "application/json";
    x->response.streamed = true;
    return e;
}

static enum step show_all(struct exchange *x)
{
    struct export *e = x->state ? x->state : export_begin(x);

    return e ? export_step(e, &x->pipeline, &x->problem) : exchange_fail(x, PROBLEM_INTERNAL_ERROR);
}

/* ---- erase ---- */

struct erasing {
    struct str student;
    bool dry_run;
};

static void release_erase(void *e)
{
    erase_release(e);
}

static struct erase *erase_new(struct exchange *x)
{
    const struct erasing *in = x->input;
    struct erase *e = x->state = arena_zalloc(x->arena, sizeof(*e));

    if (!e || !arena_defer(x->arena, release_erase, e))
        return NULL;
    e->engine = x->engine;
    e->student = in->student;
    e->actor = x->caller.user;
    e->role = str_of(role_names[x->caller.role]);
    e->correlation_id = x->request_id;
    e->now_ms = x->now_ms;
    e->dry_run = in->dry_run;
    return erase_init(e) ? e : NULL;
}

static void write_counts(struct jw *w, const struct erase *e)
{
    jw_object(w, "deleted");
    for (size_t kind = 0; kind < ERASED_KINDS; kind++) {
        if (erase_kind_name(kind))
            jw_int(w, erase_kind_name(kind), e->counts[kind]);
    }
    jw_object_end(w);
}

static enum step erase(struct exchange *x)
{
    struct erase *e = x->state ? x->state : erase_new(x);
    struct jw w;

    if (!e)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    if (erase_step(e, &x->pipeline, &x->problem) == STEP_MORE)
        return STEP_MORE;
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_text(&w, "status", e->dry_run ? "dry_run" : "success");
    jw_str(&w, "student_id", e->student);
    write_counts(&w, e);
    jw_text(&w, "compliance", "GDPR Article 17");
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- the table ---- */

/* clang-format off */
static const struct rule student_in_path[] = {
    {.name = "student_id", .type = RULE_ID, .source = IN_PATH, .required = true, .offset = offsetof(struct whose, student), .description = "The student"},
    {0},
};

static const struct rule exported[] = {
    {.name = "activity", .type = RULE_JSON, .required = true, .nullable = true, .description = "As in statistics"},
    {.name = "audit_logs", .type = RULE_JSON, .required = true, .description = "Who has accessed these data"},
    {.name = "cohorts", .type = RULE_IDS, .required = true, .description = "The cohorts the student is in"},
    {.name = "consent_records", .type = RULE_JSON, .required = true, .description = "All decisions, by type, oldest first"},
    {.name = "current_mastery", .type = RULE_OBJECT, .required = true, .nullable = true, .fields = shape_mastery_result, .description = "The score as it stands"},
    {.name = "events", .type = RULE_JSON, .required = true, .description = "The learning events of the last 90 days"},
    {.name = "learning_path", .type = RULE_JSON, .required = true, .nullable = true, .description = "The latest learning path"},
    {.name = "mastery_history", .type = RULE_OBJECTS, .required = true, .fields = shape_history_day, .description = "The last 90 days, oldest first"},
    {.name = "predictions", .type = RULE_JSON, .required = true, .description = "The predictions that were made"},
    {.name = "recommendations", .type = RULE_JSON, .required = true, .description = "What was recommended, with the feedback"},
    {0},
};

static const struct rule export_answer[] = {
    {.name = "export_version", .type = RULE_TEXT, .required = true, .description = "1.0"},
    {.name = "exported_at", .type = RULE_TIME, .required = true, .description = "When"},
    {.name = "exported_by", .type = RULE_ID, .required = true, .description = "By whom"},
    SHAPE_STUDENT,
    {.name = "compliance", .type = RULE_TEXT, .required = true, .description = "GDPR Article 20"},
    {.name = "data", .type = RULE_OBJECT, .required = true, .fields = exported, .description = "All there is, in the form of RFC 8785"},
    {.name = "integrity_hash", .type = RULE_TEXT, .required = true, .description = "SHA-256 of data as printed, in hexadecimal digits"},
    {0},
};

static const struct rule erase_rules[] = {
    {.name = "student_id", .type = RULE_ID, .source = IN_PATH, .required = true, .offset = offsetof(struct erasing, student), .description = "The student"},
    {.name = "dry_run", .type = RULE_BOOL, .source = IN_QUERY, .offset = offsetof(struct erasing, dry_run), .description = "Counts only, changes nothing"},
    {0},
};

static const char *const statuses[] = {"success", "dry_run", NULL};

static const struct rule erase_answer[] = {
    SHAPE_SUCCESS,
    {.name = "status", .type = RULE_ENUM, .required = true, .choices = statuses, .description = "Done, or counted only"},
    SHAPE_STUDENT,
    {.name = "deleted", .type = RULE_MAP, .required = true, .description = "How many records of each kind"},
    {.name = "compliance", .type = RULE_TEXT, .required = true, .description = "GDPR Article 17"},
    SHAPE_CORRELATION,
    {0},
};

static const struct route routes[] = {
    {.name = "student-erase", .method = DELETE, .pattern = "/api/v1/compliance/student/{student_id}", .limit_per_minute = 10,
     .access = ACCESS_ADMIN, .flags = ROUTE_PERSONAL | ROUTE_HEAVY, .rules = erase_rules, .input_size = sizeof(struct erasing),
     .subject_offset = NO_SUBJECT, .handler = erase, .status = 200, .response = erase_answer,
     .summary = "Erases a student: done when it answers, safe to repeat"},
    {.name = "student-export", .method = GET, .pattern = "/api/v1/compliance/export/{student_id}",
     .aliases = {"/api/v1/compliance/student/{student_id}/export"}, .limit_per_minute = 5, .access = ACCESS_EXPORT,
     .flags = ROUTE_PERSONAL | ROUTE_HEAVY, .rules = student_in_path, .input_size = sizeof(struct whose),
     .subject_offset = offsetof(struct whose, student), .handler = show_all, .status = 200, .response = export_answer,
     .summary = "All that is kept of a student"},
};
/* clang-format on */

const struct route_table compliance_data_routes = {"compliance", routes,
                                                   sizeof(routes) / sizeof(routes[0])};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/compliance: export and erasure of all data of a student (docs/privacy.md). Each takes
 * many round trips. Both are heavy requests (ROUTE_HEAVY): a process runs one step of one such
 * request in each pass of its event loop. service/export.c decides what is read, service/erase.c
 * what is deleted. */
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/service/erase.h"
#include "app/service/export.h"

/* Bytes of the arena that holds the replies of one round trip of an export: its first size and its
 * limit. */
enum { EXPORT_ARENA_FIRST = 64 << 10, EXPORT_ARENA_CAP = 16 << 20 };

/* ---- export ---- */

/* Starts an export. Replies from Redis go into a separate arena, which each step of the export
 * empties, so that an export of any size needs the memory of one round trip only. Returns NULL when
 * out of memory. */
static struct export *export_begin(struct exchange *x)
{
    const struct student_input *input = x->input;
    struct export *export = exchange_new_state(x, sizeof(*export));
    struct arena *reply_arena = exchange_new_arena(x, EXPORT_ARENA_FIRST, EXPORT_ARENA_CAP);

    if (!reply_arena || !export)
        return NULL;
    export->engine = x->engine;
    export->student = input->student;
    export->exported_by = x->caller.user;
    export->now_ms = x->now_ms;
    export->kinds = student_kinds;
    export->kind_count = STUDENT_KEY_COUNT;
    export->out = &x->response.body;
    export->arena = x->arena;
    export->reply_arena = reply_arena;
    pipeline_init(&x->pipeline, reply_arena, x);
    x->response.status = 200;
    x->response.content_type = "application/json";
    x->response.streamed = true;
    return export;
}

/* Handler of the export: one call for each round trip; the response is sent in parts. */
static enum step student_export(struct exchange *x)
{
    struct export *export = x->state ? x->state : export_begin(x);

    return export ? export_step(export, &x->pipeline, &x->problem)
                  : exchange_fail(x, PROBLEM_INTERNAL_ERROR);
}

/* ---- erase ---- */

/* Input of the erasure: the student, and whether to delete or to count only. */
struct erase_input {
    struct str student;
    bool dry_run; /* true: count what would be deleted, delete nothing */
};

/* Callback of arena_defer: frees the memory that the erasure holds outside the request's arena,
 * when the request has ended. */
static void erase_on_reset(void *e)
{
    erase_release(e);
}

/* Starts an erasure: sets its input, and has erase_init allocate memory outside the request's
 * arena. erase_on_reset frees it when the request has ended. Returns NULL when out of memory. */
static struct erase *erase_new(struct exchange *x)
{
    const struct erase_input *input = x->input;
    struct erase *erase = exchange_new_state(x, sizeof(*erase));

    if (!erase || !arena_defer(x->arena, erase_on_reset, erase))
        return NULL;
    erase->engine = x->engine;
    erase->student = input->student;
    erase->actor = x->caller.user;
    erase->role = str_of(role_names[x->caller.role]);
    erase->correlation_id = x->request_id;
    erase->now_ms = x->now_ms;
    erase->dry_run = input->dry_run;
    return erase_init(erase) ? erase : NULL;
}

/* Writes how many records of each kind were deleted or, in a dry run, would be. */
static void erase_write_counts(struct jw *w, const struct erase *erase)
{
    jw_object(w, "deleted");
    for (size_t kind = 0; kind < ERASED_KINDS; kind++) {
        if (erase_kind_name(kind)) /* erase_kind_name is NULL for a kind that is never counted */
            jw_int(w, erase_kind_name(kind), erase->counts[kind]);
    }
    jw_object_end(w);
}

/* Handler of the erasure: one call for each round trip, then the response. */
static enum step student_erase(struct exchange *x)
{
    struct erase *erase = x->state ? x->state : erase_new(x);
    struct jw w;

    if (!erase)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    if (erase_step(erase, &x->pipeline, &x->problem) == STEP_MORE)
        return STEP_MORE;
    if (x->problem.code != PROBLEM_NONE)
        return STEP_DONE;
    exchange_json_begin(x, 200, &w);
    jw_text(&w, "status", erase->dry_run ? "dry_run" : "success");
    jw_str(&w, "student_id", erase->student);
    erase_write_counts(&w, erase);
    jw_text(&w, "compliance", "GDPR Article 17");
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* ---- tables ---- */

/* clang-format off */
static const struct rule student_in_path[] = RULES(PATH_STUDENT(student_input));

static const struct rule exported[] = RULES(
    FIELD(JSON, "activity", "As in statistics", .nullable = true),
    FIELD(JSON, "audit_logs", "Who has accessed these data"),
    FIELD(JSON, "batches", "The batches the student is in, with the student's results"),
    FIELD(IDS, "cohorts", "The cohorts the student is in"),
    FIELD(JSON, "consent_records", "All decisions, by type, oldest first"),
    FIELD(OBJECT, "current_mastery", "The present score", .nullable = true,
          SHAPE_OF_MASTERY_RESULT),
    FIELD(JSON, "dead_letters", "The events about the student that were given up"),
    FIELD(JSON, "events", "The learning events of the last 90 days"),
    FIELD(JSON, "learning_path", "The latest learning path", .nullable = true),
    FIELD(OBJECTS, "mastery_history", "The last 90 days, oldest first",
          SHAPE_OF_HISTORY_DAY),
    FIELD(JSON, "predictions", "The predictions that were made"),
    FIELD(JSON, "recommendations", "The recommendations, with the feedback"),
    FIELD(JSON, "topics", "As in topics, all of them, with the evidence as of last_event_at"));

static const struct rule export_response[] = RULES(
    FIELD(TEXT, "export_version", "1.0"),
    FIELD(TIME, "exported_at", "When"),
    FIELD(ID, "exported_by", "By whom"),
    SHAPE_STUDENT,
    FIELD(TEXT, "compliance", "GDPR Article 20"),
    FIELD(OBJECT, "data", "All data, in the form of RFC 8785", .fields = exported),
    FIELD(TEXT, "integrity_hash", "SHA-256 of data as printed, in hexadecimal digits"));

static const struct rule erase_rules[] = RULES(
    PATH_STUDENT(erase_input),
    QUERY(BOOL, "dry_run", erase_input, dry_run, "Only counts, changes nothing",
          .example = "true"));

static const char *const statuses[] = {"success", "dry_run", NULL};

static const struct rule erase_response[] = RULES(
    SHAPE_SUCCESS,
    FIELD(ENUM, "status", "success: erased; dry_run: only counted", .choices = statuses),
    SHAPE_STUDENT,
    FIELD(MAP, "deleted", "How many records of each kind"),
    FIELD(TEXT, "compliance", "GDPR Article 17"), SHAPE_CORRELATION);

static const struct route routes[] = {
    {.name = "student-erase", .method = DELETE,
     .pattern = "/api/v1/compliance/student/{student_id}", .limit_per_minute = 10,
     .access = ACCESS_ADMIN, .flags = ROUTE_PERSONAL | ROUTE_HEAVY, .rules = erase_rules,
     .input_size = sizeof(struct erase_input), .handler = student_erase, .status = 200,
     .response = erase_response,
     .summary = "Erases a student; complete when the response comes, safe to repeat"},
    {.name = "student-export", .method = GET, .pattern = "/api/v1/compliance/export/{student_id}",
     .aliases = {"/api/v1/compliance/student/{student_id}/export"}, .limit_per_minute = 5,
     .access = ACCESS_EXPORT, .flags = ROUTE_PERSONAL | ROUTE_HEAVY, .rules = student_in_path,
     .input_size = sizeof(struct student_input), .handler = student_export, .status = 200,
     .response = export_response, .summary = "All data stored about a student"},
};
/* clang-format on */

const struct route_table compliance_data_routes = {"compliance", routes,
                                                   sizeof(routes) / sizeof(routes[0]), NULL};

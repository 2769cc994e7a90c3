/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/compliance: consent given, withdrawn, shown (docs/privacy.md). */
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/store/consent.h"

/* ---- consent: given and withdrawn ---- */

/* By the query or by the body: what is in the body counts. */
struct decision {
    struct str student;
    bool type_given, granted_given;
    int type; /* enum consent */
    bool granted;
};

struct decision_state {
    struct command *asked;
};

/* What the worker makes the audit record from. */
static struct str journal_entry(struct exchange *x, const struct decision *in, bool granted)
{
    struct buf out;
    struct jw w = {.out = &out};

    buf_init(&out, x->arena);
    jw_object(&w, NULL);
    jw_text(&w, "kind", "consent");
    jw_str(&w, "student_id", in->student);
    jw_str(&w, "actor", x->caller.user);
    jw_text(&w, "role", role_names[x->caller.role]);
    jw_int(&w, "at", x->now_ms);
    jw_text(&w, "consent_type", consent_names[in->type]);
    jw_bool(&w, "granted", granted);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return out.failed ? (struct str){0} : buf_view(&out);
}

static enum step decision_begin(struct exchange *x, bool granted, bool only_if_given)
{
    const struct decision *in = x->input;
    struct decision_state *s = x->state = arena_zalloc(x->arena, sizeof(*s));

    if (!s)
        return exchange_fail(x, PROBLEM_INTERNAL_ERROR);
    s->asked = consent_cmd_change(
        &x->pipeline, &(struct consent_change){.student = in->student,
                                               .consent = (enum consent)in->type,
                                               .granted = granted,
                                               .only_if_granted = only_if_given,
                                               .now_ms = x->now_ms,
                                               .actor = arena_printf(x->arena, "%s:%.*s",
                                                                     role_names[x->caller.role],
                                                                     STR_ARG(x->caller.user)),
                                               .journal = journal_entry(x, in, granted)});
    return STEP_MORE;
}

static void write_record(struct jw *w, const struct consent_record *r)
{
    jw_bool(w, "granted", r->granted);
    jw_time(w, "recorded_at", r->at_ms);
    jw_int(w, "version", r->version);
}

static enum step decision_end(struct exchange *x)
{
    const struct decision *in = x->input;
    const struct decision_state *s = x->state;
    struct consent_record record;
    struct jw w;

    switch (consent_parse_change(s->asked, &record, &x->problem)) {
    case CONSENT_PROBLEM: return STEP_DONE;
    case CONSENT_ERASED: return exchange_fail(x, PROBLEM_NOT_FOUND);
    case CONSENT_NEVER_GRANTED:
        problem_set(&x->problem, PROBLEM_NOT_FOUND, "This consent has never been given");
        return STEP_DONE;
    case CONSENT_SAVED: break;
    }
    x->unjournaled =
        record.at_ms != x->now_ms; /* the same decision again: the one there is is shown */
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_str(&w, "student_id", in->student);
    jw_text(&w, "consent_type", consent_names[in->type]);
    write_record(&w, &record);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

static enum step decide(struct exchange *x)
{
    const struct decision *in = x->input;

    return x->state ? decision_end(x) : decision_begin(x, in->granted, false);
}

static enum step withdraw(struct exchange *x)
{
    return x->state ? decision_end(x) : decision_begin(x, false, true);
}

static void require(struct exchange *x, bool given, const char *name)
{
    if (!given && !problem_has_field(&x->problem, str_of(name)))
        problem_field(&x->problem, x->arena, str_of(name), "is required");
}

static bool check_withdrawal(struct exchange *x)
{
    const struct decision *in = x->input;

    require(x, in->type_given, "consent_type");
    return x->problem.code == PROBLEM_NONE;
}

static bool check_decision(struct exchange *x)
{
    const struct decision *in = x->input;

    require(x, in->granted_given, "granted");
    return check_withdrawal(x);
}

/* ---- consent: status ---- */

struct whose {
    struct str student;
};

static void write_history(struct jw *w, const struct consent_history *h)
{
    jw_array(w, "history");
    for (size_t i = 0; i < h->n; i++) {
        jw_object(w, NULL);
        write_record(w, &h->v[i]);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static enum step status(struct exchange *x)
{
    const struct whose *in = x->input;
    struct consent_history all[CONSENTS];
    struct jw w;

    if (!x->state) {
        x->state = consent_cmd_get(&x->pipeline, in->student);
        return STEP_MORE;
    }
    if (!consent_parse(x->state, x->arena, all, &x->problem))
        return STEP_DONE;
    http_response_json(&x->response, 200, &w);
    jw_bool(&w, "success", true);
    jw_str(&w, "student_id", in->student);
    jw_array(&w, "consent_records");
    for (size_t i = 0; i < CONSENTS; i++) {
        if (all[i].n == 0)
            continue;
        jw_object(&w, NULL);
        jw_text(&w, "consent_type", consent_names[i]);
        write_record(&w, &all[i].v[all[i].n - 1]);
        write_history(&w, &all[i]);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_str(&w, "correlation_id", x->request_id);
    jw_object_end(&w);
    return STEP_DONE;
}

/* ---- the table ---- */

/* clang-format off */
#define STUDENT_IN_PATH(input) \
    {.name = "student_id", .type = RULE_ID, .source = IN_PATH, .required = true, .offset = offsetof(struct input, student), .description = "The student"}
#define TYPE_RULE(where) \
    {.name = "consent_type", .type = RULE_ENUM, .source = where, .choices = consent_names, .offset = offsetof(struct decision, type), \
     .present = offsetof(struct decision, type_given), .description = "Consent to what; required, by the body or by the query"}
#define GRANTED_RULE(where) \
    {.name = "granted", .type = RULE_BOOL, .source = where, .offset = offsetof(struct decision, granted), \
     .present = offsetof(struct decision, granted_given), .description = "Given, or refused; required, by the body or by the query"}

static const struct rule decision_rules[] = {
    STUDENT_IN_PATH(decision),
    TYPE_RULE(IN_QUERY),
    GRANTED_RULE(IN_QUERY),
    TYPE_RULE(IN_BODY),
    GRANTED_RULE(IN_BODY),
    {0},
};

static const struct rule withdrawal_rules[] = {STUDENT_IN_PATH(decision), TYPE_RULE(IN_QUERY), TYPE_RULE(IN_BODY), {0}};
static const struct rule status_rules[] = {STUDENT_IN_PATH(whose), {0}};

#define CONSENT_RECORD \
    {.name = "granted", .type = RULE_BOOL, .required = true, .description = "Given, or withdrawn"}, \
    {.name = "recorded_at", .type = RULE_TIME, .required = true, .description = "When it was decided so"}, \
    {.name = "version", .type = RULE_INT, .required = true, .min = 1, .max = 1e15, .description = "Number of the decision, from 1 for each type"}

static const struct rule decision_answer[] = {
    SHAPE_SUCCESS,
    SHAPE_STUDENT,
    {.name = "consent_type", .type = RULE_ENUM, .required = true, .choices = consent_names, .description = "Consent to what"},
    CONSENT_RECORD,
    SHAPE_CORRELATION,
    {0},
};

static const struct rule past_decision[] = {CONSENT_RECORD, {0}};

static const struct rule current_decision[] = {
    {.name = "consent_type", .type = RULE_ENUM, .required = true, .choices = consent_names, .description = "Consent to what"},
    CONSENT_RECORD,
    {.name = "history", .type = RULE_OBJECTS, .required = true, .fields = past_decision, .description = "All decisions, oldest first, this one last; the latest 200 are kept"},
    {0},
};

static const struct rule status_answer[] = {
    SHAPE_SUCCESS,
    SHAPE_STUDENT,
    {.name = "consent_records", .type = RULE_OBJECTS, .required = true, .fields = current_decision, .description = "One for each type that was ever decided on"},
    SHAPE_CORRELATION,
    {0},
};

static const struct route routes[] = {
    {.name = "consent-give", .method = POST, .pattern = "/api/v1/compliance/consent/{student_id}", .bucket = "consent",
     .limit_per_minute = 20, .access = ACCESS_EXPORT, .flags = ROUTE_PERSONAL | ROUTE_JOURNALED, .rules = decision_rules,
     .input_size = sizeof(struct decision), .subject_offset = offsetof(struct decision, student), .check = check_decision,
     .handler = decide, .status = 200, .response = decision_answer, .summary = "Gives a consent, or refuses it"},
    {.name = "consent-withdraw", .method = POST, .pattern = "/api/v1/compliance/consent/{student_id}/withdraw", .bucket = "consent",
     .limit_per_minute = 20, .access = ACCESS_EXPORT, .flags = ROUTE_PERSONAL | ROUTE_JOURNALED, .rules = withdrawal_rules,
     .input_size = sizeof(struct decision), .subject_offset = offsetof(struct decision, student), .check = check_withdrawal,
     .handler = withdraw, .status = 200, .response = decision_answer, .summary = "Withdraws a consent that was given"},
    {.name = "consent-status", .method = GET, .pattern = "/api/v1/compliance/consent/status/{student_id}", .bucket = "consent",
     .limit_per_minute = 20, .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL, .rules = status_rules,
     .input_size = sizeof(struct whose), .subject_offset = offsetof(struct whose, student), .handler = status, .status = 200,
     .response = status_answer, .summary = "A student's consents, with their history"},
};
/* clang-format on */

const struct route_table compliance_routes = {"compliance", routes,
                                              sizeof(routes) / sizeof(routes[0])};

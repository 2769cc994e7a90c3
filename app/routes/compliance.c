/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /api/v1/compliance/consent: gives, withdraws and shows consents of students (docs/privacy.md,
 * Consent). Each decision is written to the journal (changes that the worker process has yet to
 * process), and the worker makes its audit record from the journal entry. */
#include "app/pipeline/exchange.h"
#include "app/routes/routes.h"
#include "app/routes/shapes.h"
#include "app/store/consent.h"

/* ---- consent: given and withdrawn ---- */

/* Input of consent-give and consent-withdraw: one decision about one type of consent. A field may
 * be in the query or in the body; the body takes precedence, because its rules come later in the
 * table. */
struct decision {
    struct str student;
    bool has_type, has_granted;
    int type; /* type of consent (enum consent), if has_type */
    bool granted;
};

/* Makes the journal entry of the decision as JSON. Its p is NULL when out of memory. */
static struct str decision_journal_entry(struct exchange *x, const struct decision *input,
                                         bool granted)
{
    struct buf out;
    struct jw w = {.out = &out};

    buf_init(&out, x->arena);
    jw_object(&w, NULL);
    jw_text(&w, "kind", "consent");
    jw_str(&w, "student_id", input->student);
    jw_str(&w, "actor", x->caller.user);
    jw_text(&w, "role", role_names[x->caller.role]);
    jw_int(&w, "at", x->now_ms);
    jw_text(&w, "consent_type", consent_names[input->type]);
    jw_bool(&w, "granted", granted);
    exchange_json_end(x, &w); /* an entry ends with the correlation_id, as a response does */
    return out.failed ? (struct str){0} : buf_view(&out);
}

/* Queues the command that stores the decision. only_if_granted, for a withdrawal: stores nothing if
 * this consent was never given; the response is then 404. */
static enum step decision_begin(struct exchange *x, bool granted, bool only_if_granted)
{
    const struct decision *input = x->input;

    x->state = consent_cmd_change(
        &x->pipeline, &(struct consent_change){
                          .student = input->student,
                          .consent = (enum consent)input->type,
                          .granted = granted,
                          .only_if_granted = only_if_granted,
                          .now_ms = x->now_ms,
                          .actor = arena_printf(x->arena, "%s:%.*s", role_names[x->caller.role],
                                                STR_ARG(x->caller.user)),
                          .journal = decision_journal_entry(x, input, granted)});
    return STEP_MORE;
}

/* Writes one decision. Its version is its number among the decisions on this type of consent, from
 * 1. */
static void consent_write_record(struct jw *w, const struct consent_record *record)
{
    jw_bool(w, "granted", record->granted);
    jw_time(w, "recorded_at", record->at_ms);
    jw_int(w, "version", record->version);
}

/* Writes the response after the decision was stored. It is 404 for the withdrawal of a consent that
 * was never given, and 403 when the student is erased, which only a new consent to data processing
 * ends. */
static enum step decision_respond(struct exchange *x)
{
    const struct decision *input = x->input;
    struct consent_record record;
    struct jw w;

    switch (consent_parse_change(x->state, &record, &x->problem)) {
    case CONSENT_PROBLEM: return STEP_DONE;
    case CONSENT_ERASED: return exchange_fail_with(x, PROBLEM_FORBIDDEN, CONSENT_AFTER_ERASURE);
    case CONSENT_NEVER_GRANTED:
        return exchange_fail_with(x, PROBLEM_NOT_FOUND, "This consent has never been given");
    case CONSENT_SAVED: break;
    }
    /* When the stored decision is older than this request, it is the same decision: nothing has
     * changed, and the script has written no journal entry. `unjournaled` makes the audit log
     * record the request all the same. */
    x->unjournaled = record.at_ms != x->now_ms;
    exchange_json_begin(x, 200, &w);
    jw_str(&w, "student_id", input->student);
    jw_text(&w, "consent_type", consent_names[input->type]);
    consent_write_record(&w, &record);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* Handler of consent-give; with granted = false it refuses the consent, even one that was never
 * given. decision_begin sets x->state; the second call has the reply. */
static enum step consent_give(struct exchange *x)
{
    const struct decision *input = x->input;

    return x->state ? decision_respond(x)
                    : decision_begin(x, input->granted, /* only_if_granted */ false);
}

/* Handler of consent-withdraw. Unlike consent-give with granted = false, it fails if the consent
 * was never given. */
static enum step consent_withdraw(struct exchange *x)
{
    return x->state ? decision_respond(x)
                    : decision_begin(x, /* granted */ false, /* only_if_granted */ true);
}

/* Adds a field error if the field is neither in the query nor in the body. A field that failed
 * validation has an error already. */
static void decision_require(struct exchange *x, bool present, const char *name)
{
    if (!present && !problem_has_field(&x->problem, str_of(name)))
        problem_field(&x->problem, x->arena, str_of(name), "is required");
}

/* Checks the input of consent-withdraw: consent_type is required. Returns false if a field has an
 * error. */
static bool withdrawal_check(struct exchange *x)
{
    const struct decision *input = x->input;

    decision_require(x, input->has_type, "consent_type");
    return x->problem.code == PROBLEM_NONE;
}

/* Checks the input of consent-give: consent_type and granted are required. Returns false if a field
 * has an error. */
static bool decision_check(struct exchange *x)
{
    const struct decision *input = x->input;

    decision_require(x, input->has_granted, "granted");
    return withdrawal_check(x);
}

/* ---- consent: status ---- */

/* Writes all decisions on one type of consent, the oldest first. */
static void consent_write_history(struct jw *w, const struct consent_history *history)
{
    jw_array(w, "history");
    for (size_t i = 0; i < history->n; i++) {
        jw_object(w, NULL);
        consent_write_record(w, &history->v[i]);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* Handler of consent-status: one round trip, then the response. Types of consent without any
 * decision are left out. The latest decision of a type is the one in force. */
static enum step consent_status(struct exchange *x)
{
    const struct student_input *input = x->input;
    struct consent_history all[CONSENTS];
    struct jw w;

    if (!x->state) {
        x->state = consent_cmd_get(&x->pipeline, input->student);
        return STEP_MORE;
    }
    if (!consent_parse(x->state, x->arena, all, &x->problem))
        return STEP_DONE;
    exchange_json_begin(x, 200, &w);
    jw_str(&w, "student_id", input->student);
    jw_array(&w, "consent_records");
    for (size_t i = 0; i < CONSENTS; i++) {
        if (all[i].n == 0)
            continue;
        jw_object(&w, NULL);
        jw_text(&w, "consent_type", consent_names[i]);
        consent_write_record(&w, &all[i].v[all[i].n - 1]);
        consent_write_history(&w, &all[i]);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    exchange_json_end(x, &w);
    return STEP_DONE;
}

/* ---- tables ---- */

/* clang-format off */
/* Each field has two rules: FROM is QUERY or BODY, and `sent` the example of the OpenAPI document.
 * Neither rule requires the field, because one of the two places is enough; decision_check and
 * withdrawal_check require it. */
#define TYPE(FROM, sent)                                                                           \
    FROM(ENUM, "consent_type", decision, type,                                                     \
         "Consent to what; required, by the body or by the query", .choices = consent_names,       \
         .example = (sent),                                                                        \
         .present = offsetof(struct decision, has_type))
#define GRANTED(FROM, sent)                                                                        \
    FROM(BOOL, "granted", decision, granted,                                                       \
         "Given, or refused; required, by the body or by the query", .example = (sent),            \
         .present = offsetof(struct decision, has_granted))

static const struct rule decision_rules[] =
    RULES(PATH_STUDENT(decision), TYPE(QUERY, NULL), GRANTED(QUERY, NULL),
          TYPE(BODY, "research"), GRANTED(BODY, "true"));

/* The fields of consent-withdraw: the same as for consent-give, without `granted`. */
static const struct rule withdrawal_rules[] = RULES(PATH_STUDENT(decision),
    TYPE(QUERY, NULL), TYPE(BODY, "research"));
static const struct rule status_rules[] = RULES(PATH_STUDENT(student_input));

#define CONSENT_RECORD                                                                             \
    FIELD(BOOL, "granted", "Given, or withdrawn"),                                                 \
    FIELD(TIME, "recorded_at", "When it was decided"),                                             \
    FIELD(INT, "version", "Number of the decision, from 1 for each type", .min = 1, .max = 1e15)

static const struct rule decision_response[] = RULES(
    SHAPE_SUCCESS, SHAPE_STUDENT,
    FIELD(ENUM, "consent_type", "Consent to what", .choices = consent_names),
    CONSENT_RECORD, SHAPE_CORRELATION);

static const struct rule past_decision[] = RULES(CONSENT_RECORD);

static const struct rule current_decision[] = RULES(
    FIELD(ENUM, "consent_type", "Consent to what", .choices = consent_names),
    CONSENT_RECORD,
    FIELD(OBJECTS, "history", "The latest 200 decisions, oldest first, this one last",
          .fields = past_decision));

static const struct rule status_response[] = RULES(
    SHAPE_SUCCESS, SHAPE_STUDENT,
    FIELD(OBJECTS, "consent_records", "One for each type that was ever decided on",
          .fields = current_decision), SHAPE_CORRELATION);

static const struct route routes[] = {
    {.name = "consent-give", .method = POST, .pattern = "/api/v1/compliance/consent/{student_id}",
     .bucket = "consent", .limit_per_minute = 20, .access = ACCESS_EXPORT,
     .flags = ROUTE_PERSONAL | ROUTE_JOURNALED, .rules = decision_rules,
     .input_size = sizeof(struct decision), .check = decision_check, .handler = consent_give,
     .status = 200, .response = decision_response, .summary = "Gives a consent, or refuses it"},
    {.name = "consent-withdraw", .method = POST,
     .pattern = "/api/v1/compliance/consent/{student_id}/withdraw", .bucket = "consent",
     .limit_per_minute = 20, .access = ACCESS_EXPORT, .flags = ROUTE_PERSONAL | ROUTE_JOURNALED,
     .rules = withdrawal_rules, .input_size = sizeof(struct decision), .check = withdrawal_check,
     .handler = consent_withdraw, .status = 200, .response = decision_response,
     .summary = "Withdraws a consent that was given"},
    {.name = "consent-status", .method = GET,
     .pattern = "/api/v1/compliance/consent/status/{student_id}", .bucket = "consent",
     .limit_per_minute = 20, .access = ACCESS_READ_STUDENT, .flags = ROUTE_PERSONAL,
     .rules = status_rules, .input_size = sizeof(struct student_input), .handler = consent_status,
     .status = 200, .response = status_response,
     .summary = "A student's consents, with their history"},
};
/* clang-format on */

const struct route_table compliance_routes = {"compliance", routes,
                                              sizeof(routes) / sizeof(routes[0]),
                                              "Consent, export and erasure of a student's data"};

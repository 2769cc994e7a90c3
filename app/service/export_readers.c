/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How each kind of records is read for the export, and written for people. A kind without a row is
 * read by its type, and written as it is. */
#include <stdio.h>
#include <stdlib.h>

#include "app/base/clock.h"
#include "app/base/ids.h"
#include "app/http/json.h"
#include "app/service/audit_entry.h"
#include "app/service/export.h"
#include "app/service/mastery_json.h"
#include "app/service/recommend.h"
#include "app/store/consent.h"
#include "app/store/prediction.h"
#include "app/store/recommendation.h"
#include "app/store/student.h"

enum { REPLIES_MAX = 1 << 20 };

/* A JSON text on its way. */
struct writing {
    struct buf out;
    struct jw w;
};

static struct jw *begin(struct export *e, struct writing *t)
{
    buf_init(&t->out, e->reply_arena);
    t->w = (struct jw){.out = &t->out};
    return &t->w;
}

static void put(struct export *e, const struct writing *t, struct problem *p)
{
    export_write_value(e, t->out.failed ? (struct str){0} : buf_view(&t->out), p);
}

static struct str own_key(const struct export *e, struct arena *arena)
{
    return key_of_kind(arena, e->student, e->section->kind);
}

static void ask_key(struct export *e, struct pipeline *a, struct str command)
{
    e->cmd = pipeline_add(a, COMMAND_READ, 2, (struct str[]){command, own_key(e, a->arena)});
}

/* ---- pages of streams ---- */

static void ask_page(struct export *e, struct pipeline *a)
{
    struct str from = arena_printf(a->arena, "%s%s", *e->cursor ? "(" : "-", e->cursor);

    e->cmd = pipeline_add(a, COMMAND_READ, 6,
                          (struct str[]){STR("XRANGE"), own_key(e, a->arena), from, STR("+"),
                                         STR("COUNT"), arena_printf(a->arena, "%d", EXPORT_PAGE)});
}

typedef void take_entry(struct export *e, const struct stream_entry *entry, struct problem *p);

static void take_page(struct export *e, take_entry *take, struct problem *p)
{
    struct stream_entry entries[EXPORT_PAGE];
    size_t n = 0;

    if (stream_parse(e->cmd->reply, EXPORT_PAGE, entries, &n) != REPLY_OK)
        reply_problem(e->cmd->reply, p);
    for (size_t i = 0; i < n && p->code == PROBLEM_NONE; i++)
        take(e, &entries[i], p);
    e->has_more =
        n == EXPORT_PAGE && p->code == PROBLEM_NONE && entries[n - 1].id.n < STREAM_ID_SIZE;
    if (e->has_more) {
        memcpy(e->cursor, entries[n - 1].id.p, entries[n - 1].id.n);
        e->cursor[entries[n - 1].id.n] = '\0';
    }
}

/* ---- by type: as it is ---- */

/* Bytes that are no text are written in hexadecimal digits. */
static void write_value(struct export *e, struct jw *w, struct str value)
{
    char *hex;

    if (utf8_valid(value)) {
        jw_str(w, NULL, value);
        return;
    }
    hex = arena_alloc(e->reply_arena, 2 * value.n + 1);
    if (!hex) {
        w->out->failed = true;
        return;
    }
    hex_print((const unsigned char *)value.p, value.n, hex);
    jw_str(w, NULL, (struct str){hex, 2 * value.n});
}

/* A name that comes from the store. */
static void write_name(struct jw *w, struct str name)
{
    jw_str(w, NULL, name);
    buf_char(w->out, ':');
    w->comma = false;
}

static void ask_string(struct export *e, struct pipeline *a)
{
    ask_key(e, a, STR("GET"));
}

static void take_string(struct export *e, struct problem *p)
{
    struct writing t;
    struct str value;

    switch (reply_text(e->cmd->reply, &value)) {
    case REPLY_ERROR: reply_problem(e->cmd->reply, p); break;
    case REPLY_MISSING: export_write_null(e); break;
    case REPLY_OK:
        write_value(e, begin(e, &t), value);
        put(e, &t, p);
        break;
    }
}

static void ask_daily(struct export *e, struct pipeline *a)
{
    struct str argv[1 + STUDENT_DAYS_MAX] = {STR("MGET")};

    if (!key_days_of_kind(a->arena, e->student, e->section->kind,
                          day_of_ms(e->now_ms) - HISTORY_DAYS, STUDENT_DAYS_MAX, argv + 1))
        a->failed = true;
    e->cmd = pipeline_add(a, COMMAND_READ, 1 + STUDENT_DAYS_MAX, argv);
}

/* {date, value} for each day that is there. */
static void take_daily(struct export *e, struct problem *p)
{
    struct str value;
    size_t n = 0;

    if (reply_array(e->cmd->reply, STUDENT_DAYS_MAX, &n) != REPLY_OK)
        reply_problem(e->cmd->reply, p);
    for (size_t i = 0; i < n && p->code == PROBLEM_NONE; i++) {
        struct writing t;
        struct jw *w = begin(e, &t);

        if (reply_text(reply_at(e->cmd->reply, i), &value) != REPLY_OK)
            continue;
        jw_object(w, NULL);
        jw_day(w, "date", day_of_ms(e->now_ms) - HISTORY_DAYS + (int32_t)i);
        write_name(w, STR("value"));
        write_value(e, w, value);
        jw_object_end(w);
        put(e, &t, p);
    }
}

static void ask_hash(struct export *e, struct pipeline *a)
{
    ask_key(e, a, STR("HGETALL"));
}

/* Names and values one after the other, as an object. */
static void write_fields(struct export *e, struct jw *w, const redisReply *fields, size_t n)
{
    struct str name, value;

    for (size_t i = 0; i + 1 < n; i += 2) {
        if (reply_text(reply_at(fields, i), &name) != REPLY_OK ||
            reply_text(reply_at(fields, i + 1), &value) != REPLY_OK)
            continue;
        write_name(w, name);
        write_value(e, w, value);
    }
}

static void take_hash(struct export *e, struct problem *p)
{
    struct writing t;
    struct jw *w = begin(e, &t);
    size_t n = 0;

    if (reply_array(e->cmd->reply, REPLIES_MAX, &n) != REPLY_OK) {
        reply_problem(e->cmd->reply, p);
    } else if (n == 0) {
        export_write_null(e);
    } else {
        jw_object(w, NULL);
        write_fields(e, w, e->cmd->reply, n);
        jw_object_end(w);
        put(e, &t, p);
    }
}

static void ask_set(struct export *e, struct pipeline *a)
{
    ask_key(e, a, STR("SMEMBERS"));
}

static void ask_sorted_set(struct export *e, struct pipeline *a)
{
    e->cmd = pipeline_add(a, COMMAND_READ, 4,
                          (struct str[]){STR("ZRANGE"), own_key(e, a->arena), STR("0"), STR("-1")});
}

static int by_text(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* A set has no order of its own: sorted, two exports of the same data are the same. */
static void take_set(struct export *e, struct problem *p)
{
    struct str *members;
    size_t n = 0, count = 0;

    if (reply_array(e->cmd->reply, REPLIES_MAX, &n) != REPLY_OK) {
        reply_problem(e->cmd->reply, p);
        return;
    }
    members = arena_array(e->reply_arena, n + 1, sizeof(*members));
    if (!members) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    for (size_t i = 0; i < n; i++)
        count += reply_text(reply_at(e->cmd->reply, i), &members[count]) == REPLY_OK;
    qsort(members, count, sizeof(*members), by_text);
    for (size_t i = 0; i < count && p->code == PROBLEM_NONE; i++) {
        struct writing t;

        write_value(e, begin(e, &t), members[i]);
        put(e, &t, p);
    }
}

static void take_any_entry(struct export *e, const struct stream_entry *entry, struct problem *p)
{
    struct writing t;
    struct jw *w = begin(e, &t);
    size_t n = 0;

    (void)reply_array(entry->fields, REPLIES_MAX, &n);
    jw_object(w, NULL);
    jw_str(w, "id", entry->id);
    write_name(w, STR("fields"));
    jw_object(w, NULL);
    write_fields(e, w, entry->fields, n);
    jw_object_end(w);
    jw_object_end(w);
    put(e, &t, p);
}

static void take_stream(struct export *e, struct problem *p)
{
    take_page(e, take_any_entry, p);
}

static const struct export_reader by_type[] = {
    [TYPE_STRING] = {false, ask_string, take_string},
    [TYPE_HASH] = {false, ask_hash, take_hash},
    [TYPE_SET] = {true, ask_set, take_set},
    [TYPE_SORTED_SET] = {true, ask_sorted_set, take_set},
    [TYPE_STREAM] = {true, ask_page, take_stream},
};
static const struct export_reader daily = {true, ask_daily, take_daily};

/* ---- the profile, and what the student has been doing ---- */

static void ask_profile(struct export *e, struct pipeline *a)
{
    e->cmd = student_cmd_profile(a, e->student);
}

static void take_profile(struct export *e, struct problem *p)
{
    struct student_profile profile;

    if (!student_parse_profile(e->cmd, &profile, p))
        return;
    if (profile.exists)
        export_write_value(e, profile.result_json, p);
    else
        export_write_null(e);
}

static void ask_days(struct export *e, struct pipeline *a)
{
    e->cmd =
        student_cmd_days(a, e->student, day_of_ms(e->now_ms) - HISTORY_DAYS + 1, HISTORY_DAYS + 1);
}

static bool read_days(const struct export *e, struct mastery_state **ret_days, size_t *ret_n,
                      struct problem *p)
{
    *ret_days = arena_array(e->reply_arena, STUDENT_DAYS_MAX, sizeof(**ret_days));
    if (!*ret_days)
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
    return *ret_days && student_parse_days(e->cmd, *ret_days, ret_n, p);
}

static void take_days(struct export *e, struct problem *p)
{
    struct mastery_state *days;
    size_t n = 0;

    if (!read_days(e, &days, &n, p))
        return;
    for (size_t i = 0; i < n && p->code == PROBLEM_NONE; i++) {
        struct writing t;

        mastery_write_day(begin(e, &t), &days[i]);
        put(e, &t, p);
    }
}

static void ask_activity(struct export *e, struct pipeline *a)
{
    ask_days(e, a);
    e->second_cmd = student_cmd_state(a, e->student);
}

static void take_activity(struct export *e, struct problem *p)
{
    struct mastery_state now, *days;
    struct writing t;
    size_t n = 0;

    if (!read_days(e, &days, &n, p) || !student_parse_state(e->second_cmd, &now, p))
        return;
    if (mastery_state_empty(&now)) {
        export_write_null(e);
        return;
    }
    mastery_write_activity(begin(e, &t), NULL, &now, days, n, day_of_ms(e->now_ms));
    put(e, &t, p);
}

/* ---- events, predictions ---- */

static void take_event(struct export *e, const struct stream_entry *entry, struct problem *p)
{
    struct str event = {0};

    (void)stream_field(entry, STR("e"), &event);
    export_write_value(e, event, p);
}

static void take_events(struct export *e, struct problem *p)
{
    take_page(e, take_event, p);
}

static void take_prediction(struct export *e, const struct stream_entry *entry, struct problem *p)
{
    struct prediction_record r;
    struct writing t;
    struct jw *w = begin(e, &t);

    if (!prediction_parse_fields(entry->fields, &r)) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    jw_object(w, NULL);
    jw_time(w, "made_at", r.made_at_ms);
    jw_day(w, "date", r.target_day);
    jw_number(w, "predicted_score", r.score);
    jw_object(w, "interval");
    jw_number(w, "lower", r.lower);
    jw_number(w, "upper", r.upper);
    jw_object_end(w);
    jw_str(w, "model", r.model);
    if (r.intervention.n > 0)
        jw_str(w, "intervention_type", r.intervention);
    jw_object_end(w);
    put(e, &t, p);
}

static void take_predictions(struct export *e, struct problem *p)
{
    take_page(e, take_prediction, p);
}

/* ---- recommendations ---- */

static int32_t first_recommended(const struct export *e)
{
    return day_of_ms(e->now_ms) - RECOMMENDATION_DAYS_MAX + 1;
}

static void ask_recommendations(struct export *e, struct pipeline *a)
{
    e->cmd = recommendation_cmd_days(a, e->student, first_recommended(e), RECOMMENDATION_DAYS_MAX);
}

static void take_recommendations(struct export *e, struct problem *p)
{
    struct recommendation_record *given;
    struct str token;
    size_t n;

    if (!recommendation_parse_days(e->cmd, e->reply_arena, first_recommended(e), &given, &n, &token,
                                   p))
        return;
    for (size_t i = 0; i < n && p->code == PROBLEM_NONE; i++) {
        struct writing t;

        recommend_write_record(begin(e, &t), token, &given[i], e->engine->catalogue);
        put(e, &t, p);
    }
}

static void take_json(struct export *e, struct problem *p)
{
    struct str text;

    switch (reply_text(e->cmd->reply, &text)) {
    case REPLY_ERROR: reply_problem(e->cmd->reply, p); break;
    case REPLY_MISSING: export_write_null(e); break;
    case REPLY_OK: export_write_value(e, text, p); break;
    }
}

/* ---- consents ---- */

static void ask_consents(struct export *e, struct pipeline *a)
{
    e->cmd = consent_cmd_get(a, e->student);
}

static void take_consents(struct export *e, struct problem *p)
{
    struct consent_history all[CONSENTS];

    if (!consent_parse(e->cmd, e->reply_arena, all, p))
        return;
    for (size_t i = 0; i < CONSENTS; i++) {
        for (size_t k = 0; k < all[i].n && p->code == PROBLEM_NONE; k++) {
            const struct consent_record *r = &all[i].v[k];
            struct writing t;
            struct jw *w = begin(e, &t);

            jw_object(w, NULL);
            jw_text(w, "consent_type", consent_names[i]);
            jw_bool(w, "granted", r->granted);
            jw_time(w, "recorded_at", r->at_ms);
            jw_str(w, "recorded_by", r->actor);
            jw_int(w, "version", r->version);
            jw_object_end(w);
            put(e, &t, p);
        }
    }
}

/* ---- audit ---- */

/* Who has done what with the student's data, and what the student did: the records of the shard's
 * audit log under the student's pseudonym. */
static void ask_audit(struct export *e, struct pipeline *a)
{
    struct str from = *e->cursor ? arena_copy(e->reply_arena, str_of(e->cursor)) : STR("-");

    e->cmd = audit_cmd_range(a, key_shard(e->student), from, STR("+"), EXPORT_PAGE);
    e->second_cmd = audit_cmd_get_pseudonym(a, e->student);
}

static void put_audit(struct export *e, const struct audit_entry *entry, struct problem *p)
{
    struct writing t;

    audit_entry_write(begin(e, &t), entry, key_shard(e->student));
    put(e, &t, p);
    e->value_count--; /* that somebody asked about nobody is no data about somebody */
}

static void take_audit(struct export *e, struct problem *p)
{
    struct audit_entry *entries = arena_array(e->reply_arena, EXPORT_PAGE, sizeof(*entries));
    struct str pseudonym;
    size_t n = 0;

    if (!entries) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return;
    }
    if (!audit_parse_entries(e->cmd, EXPORT_PAGE, entries, &n, p) ||
        !audit_parse_pseudonym(e->second_cmd, &pseudonym, p) || pseudonym.n == 0)
        return;
    for (size_t i = 0; i < n && p->code == PROBLEM_NONE; i++) {
        if (audit_entry_involves(&entries[i], pseudonym))
            put_audit(e, &entries[i], p);
    }
    e->has_more = n == EXPORT_PAGE;
    if (e->has_more)
        (void)snprintf(e->cursor, sizeof(e->cursor), "(%.*s", STR_ARG(entries[n - 1].id));
}

/* ---- the tables ---- */

static const struct export_reader own_readers[STUDENT_KEY_COUNT] = {
    [STUDENT_KEY_PROFILE] = {false, ask_profile, take_profile},
    [STUDENT_KEY_DAYS] = {true, ask_days, take_days},
    [STUDENT_KEY_RECOMMENDATIONS] = {true, ask_recommendations, take_recommendations},
    [STUDENT_KEY_PATH] = {false, ask_string, take_json},
    [STUDENT_KEY_PREDICTIONS] = {true, ask_page, take_predictions},
    [STUDENT_KEY_EVENTS] = {true, ask_page, take_events},
    [STUDENT_KEY_CONSENT] = {true, ask_consents, take_consents},
};

const struct export_reader *export_reader_of(const struct student_kind *kind)
{
    for (size_t i = 0; i < STUDENT_KEY_COUNT; i++) {
        if (own_readers[i].queue_commands && strcmp(student_kinds[i].suffix, kind->suffix) == 0)
            return &own_readers[i];
    }
    return kind->family == KEY_DAILY ? &daily : &by_type[kind->type];
}

static const struct export_reader activity = {false, ask_activity, take_activity};
static const struct export_reader audit = {true, ask_audit, take_audit};

const struct export_section export_derived[] = {
    {"activity", &activity, NULL},
    {"audit_logs", &audit, NULL},
};
const size_t export_derived_count = sizeof(export_derived) / sizeof(export_derived[0]);

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/store/prediction.h"

#include "app/base/clock.h"
#include "app/base/number.h"
#include "app/store/keys.h"
#include "app/store/reply.h"

/* The fields of a record in the stream, in this order; the last one only with an intervention. */
enum field { MADE_AT, TARGET_DAY, PREDICTED, LOWER, UPPER, MODEL, INTERVENTION, FIELDS };
static const struct str field_names[FIELDS] = {[MADE_AT] = STR_INIT("made_at"),
                                               [TARGET_DAY] = STR_INIT("target_day"),
                                               [PREDICTED] = STR_INIT("predicted"),
                                               [LOWER] = STR_INIT("lower"),
                                               [UPPER] = STR_INIT("upper"),
                                               [MODEL] = STR_INIT("model"),
                                               [INTERVENTION] = STR_INIT("intervention")};

/* ---- the last ones ---- */

struct command *prediction_cmd_cached(struct pipeline *a, struct str student, struct str name)
{
    struct str key = key_student(a->arena, student, STUDENT_KEY_FORECASTS);

    return pipeline_add(a, COMMAND_READ, 3, (struct str[]){STR("HGET"), key, name});
}

bool prediction_parse_cached(const struct command *command, struct str *ret_text, struct problem *p)
{
    struct str text = {0};

    if (reply_text(command->reply, &text) == REPLY_ERROR) {
        reply_problem(command->reply, p);
        return false;
    }
    *ret_text = text;
    return true;
}

/* ---- writing ---- */

static struct str number_text(struct arena *arena, double value)
{
    char text[NUMBER_TEXT_MAX];
    size_t n = number_print(value, text);

    return arena_copy(arena, (struct str){text, n});
}

static struct str int_text(struct arena *arena, int64_t value)
{
    return arena_printf(arena, "%lld", (long long)value);
}

static struct str day_text(struct arena *arena, int32_t day)
{
    char text[DAY_TEXT_SIZE];

    day_print(day, text);
    return arena_copy(arena, str_of(text));
}

/* Names and values, one after the other; returns how many texts. */
static int fill_fields(struct arena *arena, const struct prediction_record *r,
                       struct str ret[2 * FIELDS])
{
    const struct str values[FIELDS] = {[MADE_AT] = int_text(arena, r->made_at_ms),
                                       [TARGET_DAY] = day_text(arena, r->target_day),
                                       [PREDICTED] = number_text(arena, r->score),
                                       [LOWER] = number_text(arena, r->lower),
                                       [UPPER] = number_text(arena, r->upper),
                                       [MODEL] = r->model,
                                       [INTERVENTION] = r->intervention};
    int fields = r->intervention.n > 0 ? FIELDS : INTERVENTION;

    for (size_t i = 0; i < (size_t)fields; i++) {
        ret[2 * i] = field_names[i];
        ret[2 * i + 1] = values[i];
    }
    return 2 * fields;
}

struct command *prediction_cmd_save(struct pipeline *a, struct str student,
                                    const struct prediction_record *record, struct str name,
                                    struct str text)
{
    enum { KEYS = 3, FIXED = KEYS + 5 };
    struct arena *arena = a->arena;
    struct str argv[FIXED + 2 * FIELDS] = {
        key_student(arena, student, STUDENT_KEY_PROFILE),
        key_student(arena, student, STUDENT_KEY_PREDICTIONS),
        key_student(arena, student, STUDENT_KEY_FORECASTS),
        int_text(arena, record->made_at_ms - PREDICTION_DAYS * DAY_MS),
        int_text(arena, PREDICTION_DAYS * DAY_MS / 1000),
        int_text(arena, PREDICTION_CACHE_TTL_S),
        name,
        text};

    return pipeline_add_script(a, &script_prediction_save, KEYS,
                               FIXED + fill_fields(arena, record, argv + FIXED), argv);
}

bool prediction_parse_save(const struct command *command, struct problem *p)
{
    int64_t kept;

    if (reply_int(command->reply, &kept) == REPLY_OK)
        return true;
    reply_problem(command->reply, p);
    return false;
}

/* ---- reading ---- */

struct command *prediction_cmd_list(struct pipeline *a, struct str student)
{
    struct str key = key_student(a->arena, student, STUDENT_KEY_PREDICTIONS);

    return pipeline_add(a, COMMAND_READ, 6,
                        (struct str[]){STR("XREVRANGE"), key, STR("+"), STR("-"), STR("COUNT"),
                                       int_text(a->arena, PREDICTIONS_READ_MAX)});
}

static bool read_share(struct str text, double *ret)
{
    double value;

    if (!str_to_double(text, &value) || value < 0 || value > 1)
        return false;
    *ret = value;
    return true;
}

static bool take_field(struct prediction_record *r, struct str name, struct str value)
{
    int field = 0;

    while (field < FIELDS && !str_equal(field_names[field], name))
        field++;
    switch (field) {
    case MADE_AT: return str_to_int64(value, 0, INT64_MAX, &r->made_at_ms);
    case TARGET_DAY: return day_parse(value, &r->target_day);
    case PREDICTED: return read_share(value, &r->score);
    case LOWER: return read_share(value, &r->lower);
    case UPPER: return read_share(value, &r->upper);
    case MODEL: r->model = value; return true;
    case INTERVENTION: r->intervention = value; return true;
    default: return true; /* of a later version */
    }
}

bool prediction_parse_fields(const redisReply *fields, struct prediction_record *ret)
{
    struct str name, value;
    size_t n;

    *ret = (struct prediction_record){0};
    if (reply_array(fields, (size_t)4 * FIELDS, &n) != REPLY_OK || n < (size_t)2 * INTERVENTION)
        return false;
    for (size_t i = 0; i + 1 < n; i += 2) {
        if (reply_text(reply_at(fields, i), &name) != REPLY_OK ||
            reply_text(reply_at(fields, i + 1), &value) != REPLY_OK ||
            !take_field(ret, name, value))
            return false;
    }
    return true;
}

bool prediction_parse_list(const struct command *command, struct arena *arena,
                           struct prediction_record **ret, size_t *ret_count, struct problem *p)
{
    struct prediction_record *records;
    size_t n;

    if (reply_array(command->reply, PREDICTIONS_READ_MAX, &n) != REPLY_OK) {
        reply_problem(command->reply, p);
        return false;
    }
    records = arena_array(arena, n + 1, sizeof(*records));
    for (size_t i = 0; records && i < n; i++) {
        const redisReply *entry = reply_at(command->reply, n - 1 - i); /* [id, [name, value, …]] */

        if (!prediction_parse_fields(reply_at(entry, 1), &records[i]))
            records = NULL;
    }
    if (!records) {
        problem_set(p, PROBLEM_INTERNAL_ERROR, NULL);
        return false;
    }
    *ret = records;
    *ret_count = n;
    return true;
}

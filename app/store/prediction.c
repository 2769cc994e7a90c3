/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads and writes a student's predictions. Fields of a record that this program does not know are
 * skipped, so that later versions may add fields. */
#include "app/store/prediction.h"

#include "app/base/clock.h"
#include "app/base/number.h"
#include "app/store/keys.h"
#include "app/store/schema.h"
#include "app/store/stream.h"

/* The fields of a record, in this order. The last one is present only if the prediction assumes an
 * intervention (help for the student, such as tutoring). */
enum prediction_field { MADE_AT, TARGET_DAY, PREDICTED, LOWER, UPPER, MODEL, INTERVENTION, FIELDS };
static const struct str prediction_field_names[FIELDS] = {[MADE_AT] = STR_INIT("made_at"),
                                                          [TARGET_DAY] = STR_INIT("target_day"),
                                                          [PREDICTED] = STR_INIT("predicted"),
                                                          [LOWER] = STR_INIT("lower"),
                                                          [UPPER] = STR_INIT("upper"),
                                                          [MODEL] = STR_INIT("model"),
                                                          [INTERVENTION] =
                                                              STR_INIT("intervention")};

/* ---- the latest ---- */

struct command *prediction_cmd_cached(struct pipeline *pipeline, struct str student,
                                      struct str name)
{
    struct str key = key_student(pipeline->arena, student, STUDENT_KEY_FORECASTS);

    return pipeline_add(pipeline, COMMAND_READ, 3, (struct str[]){STR("HGET"), key, name});
}

/* The reply is nil, so text.p stays NULL, if there is no such prediction. *ret_text is set only on
 * success. */
bool prediction_parse_cached(const struct command *command, struct str *ret_text, struct problem *p)
{
    struct str text = {0};

    if (!reply_expect_text_or_nil(command->reply, &text, p))
        return false;
    *ret_text = text;
    return true;
}

/* ---- writing ---- */

/* Returns the shortest decimal number that parses to the same double. */
static struct str prediction_number_text(struct arena *arena, double value)
{
    char text[NUMBER_TEXT_MAX];
    size_t n = number_print(value, text);

    return arena_copy(arena, (struct str){text, n});
}

/* Returns the date of the day as YYYY-MM-DD. */
static struct str prediction_day_text(struct arena *arena, int32_t day)
{
    char text[DAY_TEXT_SIZE];

    day_print(day, text);
    return arena_copy(arena, str_of(text));
}

/* Writes name, value, name, value, ... of the record's fields to ret, and returns the number of
 * texts. */
static int prediction_put_fields(struct arena *arena, const struct prediction_record *record,
                                 struct str ret[2 * FIELDS])
{
    const struct str values[FIELDS] = {[MADE_AT] = command_int(arena, record->made_at_ms),
                                       [TARGET_DAY] =
                                           prediction_day_text(arena, record->target_day),
                                       [PREDICTED] = prediction_number_text(arena, record->score),
                                       [LOWER] = prediction_number_text(arena, record->lower),
                                       [UPPER] = prediction_number_text(arena, record->upper),
                                       [MODEL] = record->model,
                                       [INTERVENTION] = record->intervention};
    /* INTERVENTION is the last field; its number is the count of the fields before it */
    int fields = record->intervention.n > 0 ? FIELDS : INTERVENTION;

    for (size_t i = 0; i < (size_t)fields; i++) {
        ret[2 * i] = prediction_field_names[i];
        ret[2 * i + 1] = values[i];
    }
    return 2 * fields;
}

/* Calls prediction_save.lua. Keys: profile, stream of records, latest predictions, and the list of
 * students whose records will be too old (retention.h), which is left out while 0.1.0 may use the
 * store. Arguments: the oldest time that stays in the stream, two expiries (of the stream and of
 * the latest predictions), name and text of the prediction, and the fields of its record. */
struct command *prediction_cmd_save(struct pipeline *pipeline, struct str student,
                                    const struct prediction_record *record, struct str name,
                                    struct str text)
{
    enum { KEYS_MAX = 4, FIXED_ARGS = 5 };
    struct arena *arena = pipeline->arena;
    struct str argv[KEYS_MAX + FIXED_ARGS + 2 * FIELDS];
    int keys = 0, argc;

    argv[keys++] = key_student(arena, student, STUDENT_KEY_PROFILE);
    argv[keys++] = key_student(arena, student, STUDENT_KEY_PREDICTIONS);
    argv[keys++] = key_student(arena, student, STUDENT_KEY_FORECASTS);
    if (schema_writes_packed())
        argv[keys++] = key_shard_record(arena, key_shard(student), SHARD_KEY_RETENTION);
    argc = keys;
    argv[argc++] = command_int(arena, record->made_at_ms - PREDICTION_DAYS * DAY_MS);
    argv[argc++] = command_int(arena, PREDICTION_DAYS * DAY_MS / 1000);
    argv[argc++] = command_int(arena, PREDICTION_CACHE_TTL_S);
    argv[argc++] = name;
    argv[argc++] = text;
    argc += prediction_put_fields(arena, record, argv + argc);
    return pipeline_add_script(pipeline, &script_prediction_save, keys, argc, argv);
}

bool prediction_parse_save(const struct command *command, struct problem *p)
{
    int64_t saved;

    return reply_expect_int(command->reply, &saved, p);
}

/* ---- reading ---- */

struct command *prediction_cmd_list(struct pipeline *pipeline, struct str student, int count)
{
    struct str key = key_student(pipeline->arena, student, STUDENT_KEY_PREDICTIONS);

    return stream_cmd_newest(pipeline, key, STR("+"), count);
}

/* Parses a score or an end of its interval: a number in [0,1]. Returns false, with *ret unchanged,
 * for any other text. */
static bool prediction_parse_share(struct str text, double *ret)
{
    double value;

    if (!str_to_double(text, &value) || value < 0 || value > 1)
        return false;
    *ret = value;
    return true;
}

/* Sets the member of the record that belongs to the field `name`. Returns false when the value does
 * not fit the field. A linear search is enough for FIELDS names. */
static bool prediction_parse_field(struct prediction_record *record, struct str name,
                                   struct str value)
{
    int field = 0;

    while (field < FIELDS && !str_equal(prediction_field_names[field], name))
        field++;
    switch (field) {
    case MADE_AT: return str_to_int64(value, 0, INT64_MAX, &record->made_at_ms);
    case TARGET_DAY: return day_parse(value, &record->target_day);
    case PREDICTED: return prediction_parse_share(value, &record->score);
    case LOWER: return prediction_parse_share(value, &record->lower);
    case UPPER: return prediction_parse_share(value, &record->upper);
    case MODEL: record->model = value; return true;
    case INTERVENTION: record->intervention = value; return true;
    default: return true; /* true: a field of a later version is skipped */
    }
}

/* Parses the fields of a stored prediction: name, value, name, value, ... INTERVENTION, the last of
 * FIELDS, is optional; later versions may add up to as many fields again. Returns false for fewer
 * or more fields, and for a value that does not fit its field. */
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
            !prediction_parse_field(ret, name, value))
            return false;
    }
    return true;
}

/* Parses all records. The reply begins with the newest one, the list with the oldest. */
bool prediction_parse_list(const struct command *command, struct arena *arena,
                           struct prediction_record **ret, size_t *ret_count, struct problem *p)
{
    struct prediction_record *records;
    size_t n;

    if (!reply_expect_array(command->reply, PREDICTIONS_READ_MAX, &n, p))
        return false;
    records = arena_array(arena, n, sizeof(*records));
    for (size_t i = 0; records && i < n; i++) {
        /* an entry is [id, [name, value, ...]] */
        const redisReply *entry = reply_at(command->reply, n - 1 - i);

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

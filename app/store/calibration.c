/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stores how well predictions have come true, as one line of words: the version of the models, the
 * day, then three numbers for each model and horizon (days ahead), in the order of their enums.
 * verified: the predictions whose day has come; covered: those of them whose predicted interval
 * contained the true score; errors: sum of |predicted - true score|. */
#include "app/store/calibration.h"

#include <math.h>

#include "app/base/buf.h"
#include "app/store/keys.h"
#include "app/store/reply.h"

/* seconds until Redis deletes the text: three days, in case the worker misses its daily pass over
 * all students, which stores the text */
static const char calibration_expiry_s[] = "259200";

struct command *calibration_cmd_save(struct pipeline *pipeline,
                                     const struct calibration *calibration, int32_t today)
{
    struct buf text;

    buf_init(&text, pipeline->arena);
    buf_text(&text, PREDICTION_MODEL_VERSION " ");
    buf_int(&text, today);
    for (int i = 0; i < PREDICTION_MODELS * CALIBRATION_HORIZONS; i++) {
        const struct calibration_count *count =
            &calibration->counts[i / CALIBRATION_HORIZONS][i % CALIBRATION_HORIZONS];

        buf_char(&text, ' ');
        buf_int(&text, count->verified);
        buf_char(&text, ' ');
        buf_int(&text, count->covered);
        buf_char(&text, ' ');
        buf_number(&text, count->errors);
    }
    return pipeline_add(pipeline, COMMAND_WRITE, 5,
                        (struct str[]){STR("SET"), key_calibration, buf_view(&text), STR("EX"),
                                       str_of(calibration_expiry_s)});
}

struct command *calibration_cmd_load(struct pipeline *pipeline)
{
    return pipeline_add(pipeline, COMMAND_READ, 2, (struct str[]){STR("GET"), key_calibration});
}

/* Cuts the three numbers of one model and horizon (verified, covered, errors) from the text.
 * Returns false if they contradict each other: at most all verified predictions are covered, and
 * each has an error of at most 1, because scores are in [0,1]. */
static bool calibration_parse_count(struct str *text, struct calibration_count *ret)
{
    return str_to_int64(str_cut(text, ' '), 0, INT32_MAX, &ret->verified) &&
           str_to_int64(str_cut(text, ' '), 0, ret->verified, &ret->covered) &&
           str_to_double(str_cut(text, ' '), &ret->errors) && isfinite(ret->errors) &&
           ret->errors >= 0 && ret->errors <= (double)ret->verified;
}

bool calibration_parse(const struct command *command, struct calibration *ret, int32_t *ret_today)
{
    struct calibration calibration;
    struct str text;
    int64_t today;

    if (reply_text(command->reply, &text) != REPLY_OK ||
        !str_equal(str_cut(&text, ' '), STR(PREDICTION_MODEL_VERSION)) ||
        !str_to_int64(str_cut(&text, ' '), 0, INT32_MAX, &today))
        return false;
    for (int i = 0; i < PREDICTION_MODELS * CALIBRATION_HORIZONS; i++) {
        if (!calibration_parse_count(
                &text, &calibration.counts[i / CALIBRATION_HORIZONS][i % CALIBRATION_HORIZONS]))
            return false;
    }
    *ret = calibration;
    *ret_today = (int32_t)today;
    return true;
}

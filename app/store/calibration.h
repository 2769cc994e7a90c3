/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The counts of predictions that came true (struct calibration) in Redis: one text, which the
 * worker writes once a day. */
#ifndef STORE_CALIBRATION_H
#define STORE_CALIBRATION_H

#include "app/domain/calibration.h"
#include "app/store/pipeline.h"

/* Stores for three days how well predictions have come true: for each model and horizon (days
 * ahead) a struct calibration_count, with all predictions for days before `today`. */
struct command *calibration_cmd_save(struct pipeline *pipeline,
                                     const struct calibration *calibration, int32_t today);

/* Reads the stored counts of predictions that came true. */
struct command *calibration_cmd_load(struct pipeline *pipeline);
/* Parses the reply to calibration_cmd_load. *ret_today: the day on which the counts were stored, in
 * days since 1970-01-01; they include all predictions for days before it. Returns false, and leaves
 * both results unchanged, when there are no valid counts of PREDICTION_MODEL_VERSION, or Redis did
 * not reply. */
bool calibration_parse(const struct command *command, struct calibration *ret, int32_t *ret_today);

#endif

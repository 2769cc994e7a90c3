/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Declarations that the two files of /api/v1/predictions (routes/predictions*.c) share. */
#ifndef ROUTES_PREDICTIONS_H
#define ROUTES_PREDICTIONS_H

#include "app/pipeline/exchange.h"

/* Largest and default number of days from today to the predicted day. Clients see them in the
 * response of predictions/config. */
enum { TIMEFRAME_MAX = 30, TIMEFRAME_PRESET = 7 };

/* Handler of config: shows the model's constants, the settings of this installation, and how
 * accurate predictions were. */
enum step predict_config(struct exchange *x);
/* The fields of the response of config. */
extern const struct rule prediction_config_response[];

#endif

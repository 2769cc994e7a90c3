/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A student's prediction: the last one of its kind for as long as it is true and no older than an
 * hour, else a new one, which is kept. Two rounds or three. */
#ifndef SERVICE_PREDICT_H
#define SERVICE_PREDICT_H

#include "app/domain/prediction.h"
#include "app/http/route.h"
#include "app/service/engine.h"
#include "app/service/history.h"

enum { NO_INTERVENTION = INTERVENTIONS };

/* The configured factor of an enum intervention; 0 of NO_INTERVENTION. */
double predict_factor(const struct config *config, int intervention);
/* The configured model, and forecast_fit with it and the configured interval. */
enum prediction_model predict_model(const struct config *config);
void predict_fit(const struct config *config, const struct history *history, struct forecast *ret);
/* The members of metadata that every prediction has. */
void predict_write_model(struct jw *w, const struct forecast *f);

struct predict {
    /* in */
    struct str student;
    int days_ahead;
    int intervention; /* enum intervention, or NO_INTERVENTION */
    int64_t now_ms;
    /* out, when done without a problem */
    struct str json_members; /* the members of the contract's answer, ready to be spliced in */
    bool reused;             /* it is the last one again */
    /* own */
    struct command *state_cmd, *last_cmd, *days_cmd, *save_cmd;
    struct str cache_key, cache_stamp;
    struct mastery_state current;
};

/* Call with predict filled and zeroed below; again after each round of asks until STEP_DONE. The
 * first call only reads. Problems: NOT_FOUND for a student without data, FORBIDDEN for
 * one who has withdrawn consent to analytics, SERVICE_UNAVAILABLE. */
enum step predict_step(struct predict *p, struct engine *engine, struct pipeline *pipeline,
                       struct problem *problem);

#endif

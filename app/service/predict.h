/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Predicts a student's score: returns the cached prediction of the same kind while it is valid, for
 * an hour at most, else makes a new one and caches it. Two or three pipelines. */
#ifndef SERVICE_PREDICT_H
#define SERVICE_PREDICT_H

#include "app/domain/prediction.h"
#include "app/http/route.h"
#include "app/service/engine.h"
#include "app/service/history.h"

enum { NO_INTERVENTION = INTERVENTIONS };

/* The configured factor of an enum intervention; 0 for NO_INTERVENTION. */
double predict_factor(const struct config *config, int intervention);
/* The configured model; forecast_fit with it and with the configured interval. */
enum prediction_model predict_model(const struct config *config);
void predict_fit(const struct config *config, const struct history *history, struct forecast *ret);
/* Writes the members of `metadata` that every prediction has, into an open object. */
void predict_write_model(struct jw *w, const struct forecast *forecast);

struct predict {
    /* in */
    struct str student;
    int days_ahead;
    int intervention; /* enum intervention, or NO_INTERVENTION */
    int64_t now_ms;
    /* out, when done without a problem */
    struct str json_members; /* the members of the response, without braces */
    bool reused;             /* they come from the cache */
    /* own */
    struct command *state_cmd, *cached_cmd, *days_cmd, *save_cmd;
    struct str cache_key, cache_stamp;
    struct mastery_state current;
};

/* Call with predict filled and its own fields zeroed; again after each pipeline until STEP_DONE.
 * The first call queues reads only. Problems: NOT_FOUND for a student without data, FORBIDDEN when
 * consent to analytics is withdrawn, SERVICE_UNAVAILABLE. */
enum step predict_step(struct predict *p, struct engine *engine, struct pipeline *pipeline,
                       struct problem *problem);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Predicts a student's score. A prediction is cached for an hour, and used again while its inputs
 * are the same; otherwise a new one is made and cached. This takes one pipeline when a valid
 * prediction is cached, and three when not. */
#ifndef SERVICE_PREDICT_H
#define SERVICE_PREDICT_H

#include "app/domain/prediction.h"
#include "app/http/route.h"
#include "app/service/engine.h"
#include "app/service/history.h"

/* The value after the last enum intervention: the prediction is without one. */
enum { NO_INTERVENTION = INTERVENTIONS };

/* Returns the configured factor of an intervention (enum intervention): the share of the difference
 * between score and 1 that it closes. It is 0 for NO_INTERVENTION. */
double predict_factor(const struct config *config, int intervention);
/* Returns the configured model, which is used unless the request names another one. */
enum prediction_model predict_model(const struct config *config);
/* Fits the model to the history, for intervals of the configured level. The forecast points to the
 * history. today: in days since 1970-01-01. */
void predict_fit(const struct config *config, enum prediction_model model,
                 const struct history *history, int32_t today, struct forecast *ret);
/* Writes the members of `metadata` that every prediction has. The caller begins and ends the
 * object. */
void predict_write_model(struct jw *w, const struct forecast *forecast);

struct predict {
    /* in: set by the caller */
    struct str student;
    enum prediction_model model;
    int days_ahead;
    int intervention; /* enum intervention, or NO_INTERVENTION */
    int64_t now_ms;
    /* out: set when the last step ends without a problem */
    struct str json_members; /* the members of the response, without braces */
    bool reused;             /* json_members come from the cache */
    /* private: used only by predict.c */
    struct command *state_cmd, *cached_cmd, *days_cmd, *save_cmd;
    struct str cache_key;         /* name of the cache entry */
    struct str cache_stamp;       /* text that names all inputs of the prediction */
    struct mastery_state current; /* the student's current state */
};

/* Runs the next step of a prediction. Call with the input fields set and all others zeroed,
 * then again after each pipeline until STEP_DONE, which is also returned after a problem. The first
 * call queues reads only. Problems: NOT_FOUND for a student without data, FORBIDDEN when consent to
 * analytics is withdrawn, SERVICE_UNAVAILABLE. */
enum step predict_step(struct predict *p, struct engine *engine, struct pipeline *pipeline,
                       struct problem *problem);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shows the results of mastery-ctl backtest: as tables, as JSON, and as a chart. */
#ifndef CTL_BACKTEST_PRINT_H
#define CTL_BACKTEST_PRINT_H

#include "app/ctl/plot.h"
#include "app/ctl/results_csv.h"
#include "app/domain/backtest.h"

/* What mastery-ctl backtest has measured and shows. */
struct backtest_report {
    struct backtest *backtest;
    const struct results *results; /* final results of learners; NULL: they are unknown */
    enum prediction_model model;   /* model of the chart and the ranking */
    double interval_level;         /* probability of the predicted intervals */
};

/* Prints the report on standard output as tables, with the ranking of the learners if their final
 * results are known. False when out of memory. */
bool backtest_print_text(const struct backtest_report *report, struct arena *arena);
/* Prints all figures as JSON, with the reliability and, if the final results are known, the
 * ranking. False when out of memory. */
bool backtest_print_json(const struct backtest_report *report, struct arena *arena);

/* Draws, for the model, predicted against true scores and the reliability of the predicted
 * probabilities. False with a line on standard error. */
bool backtest_plot(const struct subcommand *command, const char *path,
                   const struct backtest_report *report);

#endif

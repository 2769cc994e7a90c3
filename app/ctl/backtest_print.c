/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints the results of mastery-ctl backtest as tables or as JSON, each figure with its interval:
 * in the tables below the figure, in JSON in the same object. */
#include "app/ctl/backtest_print.h"

#include <stdio.h>

#include "app/base/json_write.h"
#include "app/ctl/backtest_rank.h"

/* A table with a column for each figure. Each horizon (days that a prediction looks ahead) and
 * model has two lines: the figures, and below them their intervals. */
struct table {
    const char *title;
    const struct column {
        const char *head;
        enum backtest_figure figure;
    } * columns;  /* columns to print; one whose heading is NULL ends the list */
    int decimals; /* decimals of each figure */
};

static const struct table errors_table = {.columns =
                                              (const struct column[]){{"MAE", FIGURE_MAE},
                                                                      {"RMSE", FIGURE_RMSE},
                                                                      {"coverage", FIGURE_COVERAGE},
                                                                      {"width", FIGURE_WIDTH},
                                                                      {"Brier < 0.5", FIGURE_BRIER},
                                                                      {"skill", FIGURE_SKILL},
                                                                      {0}},
                                          .decimals = 4};
static const struct table trends_table = {
    .title = "Shares of all predictions, and how often a trend came true",
    .columns = (const struct column[]){{"rises", FIGURE_RISES},
                                       {"falls", FIGURE_FALLS},
                                       {"improving", FIGURE_IMPROVING},
                                       {"then a rise", FIGURE_IMPROVING_RIGHT},
                                       {"declining", FIGURE_DECLINING},
                                       {"then a fall", FIGURE_DECLINING_RIGHT},
                                       {0}},
    .decimals = 3};

enum { COLUMN_WIDTH = 18 };

/* Prints a figure right-aligned, or a dash when it could not be measured. */
static void print_value(const struct measured *measured, int decimals)
{
    if (measured->exists)
        (void)printf("%*.*f", COLUMN_WIDTH, decimals, measured->value);
    else
        (void)printf("%*s", COLUMN_WIDTH, "-");
}

/* Prints the interval of a figure right-aligned, such as [0.0271 0.0290]; only spaces when the
 * figure could not be measured. */
static void print_interval(const struct measured *measured, int decimals)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "[%.*f %.*f]", decimals, measured->interval.lower, decimals,
                   measured->interval.upper);
    (void)printf("%*s", COLUMN_WIDTH, measured->exists ? text : "");
}

/* Prints the two lines of a model and a horizon (index in backtest_horizons, days ahead): the
 * figures, and below them their intervals. */
static void print_row(const struct backtest *backtest, const struct table *table, int horizon,
                      enum prediction_model model)
{
    struct measured measured;

    (void)printf("%4d  %-22s%8zu", backtest_horizons[horizon], prediction_model_names[model],
                 backtest_predictions(backtest, horizon));
    for (const struct column *c = table->columns; c->head; c++) {
        measured = backtest_measure(backtest, horizon, model, c->figure);
        print_value(&measured, table->decimals);
    }
    (void)printf("\n%36s", "");
    for (const struct column *c = table->columns; c->head; c++) {
        measured = backtest_measure(backtest, horizon, model, c->figure);
        print_interval(&measured, table->decimals);
    }
    (void)putchar('\n');
}

/* Prints the title, the heads of the columns, and all lines of a table. */
static void print_table(const struct backtest *backtest, const struct table *table)
{
    if (table->title)
        (void)printf("\n%s\n", table->title);
    (void)printf("days  %-22s%8s", "model", "n");
    for (const struct column *column = table->columns; column->head; column++)
        (void)printf("%*s", COLUMN_WIDTH, column->head);
    (void)putchar('\n');
    for (int h = 0; h < BACKTEST_HORIZONS; h++) {
        for (int m = 0; m < PREDICTION_MODELS; m++)
            print_row(backtest, table, h, (enum prediction_model)m);
    }
}

/* Prints how well each ranking placed the learners who failed or withdrew before the others at
 * mid-course: the AUC (probability that one of the former ranks before one of the latter) with its
 * interval. */
static void print_ranking(const struct rank_report *ranking)
{
    (void)printf("\nRanking of the %zu of %zu learners who failed or withdrew, at mid-course\n"
                 "%-22s%*s\n",
                 ranking->failed, ranking->learners, "by", COLUMN_WIDTH, "AUC");
    for (int i = 0; i < RANKINGS; i++) {
        (void)printf("%-22s", rank_by_names[i]);
        print_value(&ranking->auc[i], 3);
        print_interval(&ranking->auc[i], 3);
        (void)putchar('\n');
    }
}

bool backtest_print_text(const struct backtest_report *report, struct arena *arena)
{
    struct rank_report ranking;

    if (report->results && !rank_results(report->results, report->model, arena, &ranking))
        return false;
    (void)printf("%zu students; intervals of %.1f%%\n\n", backtest_learners(report->backtest),
                 report->interval_level * 100);
    print_table(report->backtest, &errors_table);
    print_table(report->backtest, &trends_table);
    if (report->results)
        print_ranking(&ranking);
    return true;
}

/* ---- JSON ---- */

/* Writes the member `name`: {"value":...,"lower":...,"upper":...}, or null when the figure could
 * not be measured. */
static void write_measured(struct jw *w, const char *name, struct measured measured)
{
    if (!measured.exists) {
        jw_null(w, name);
        return;
    }
    jw_object(w, name);
    jw_number(w, "value", measured.value);
    jw_number(w, "lower", measured.interval.lower);
    jw_number(w, "upper", measured.interval.upper);
    jw_object_end(w);
}

/* Writes an object with all figures of a model and a horizon (days ahead). `reliability` has, for
 * each class of predicted probabilities of a score below 0.5, how many of the scores were below it.
 */
static void write_result(struct jw *w, const struct backtest *backtest, int horizon,
                         enum prediction_model model)
{
    const struct backtest_bin *bins = backtest_bins(backtest, horizon, model);

    jw_object(w, NULL);
    jw_int(w, "days_ahead", backtest_horizons[horizon]);
    jw_text(w, "model", prediction_model_names[model]);
    jw_int(w, "predictions", (int64_t)backtest_predictions(backtest, horizon));
    for (int f = 0; f < BACKTEST_FIGURES; f++)
        write_measured(w, backtest_figure_names[f],
                       backtest_measure(backtest, horizon, model, (enum backtest_figure)f));
    jw_array(w, "reliability");
    for (int i = 0; i < BACKTEST_BINS; i++) {
        jw_object(w, NULL);
        jw_int(w, "predictions", (int64_t)bins[i].n);
        jw_int(w, "below_half", (int64_t)bins[i].hits);
        jw_number(w, "probability_sum", bins[i].sum);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object_end(w);
}

/* Writes the member "ranking", an object: the number of learners, how many of them failed or
 * withdrew, and the AUC of each ranking (ranking_auc). */
static void write_ranking(struct jw *w, const struct rank_report *ranking)
{
    jw_object(w, "ranking");
    jw_int(w, "learners", (int64_t)ranking->learners);
    jw_int(w, "failed", (int64_t)ranking->failed);
    for (int i = 0; i < RANKINGS; i++)
        write_measured(w, rank_by_names[i], ranking->auc[i]);
    jw_object_end(w);
}

/* Prints one JSON object: with --json it is all that mastery-ctl backtest prints. */
bool backtest_print_json(const struct backtest_report *report, struct arena *arena)
{
    struct rank_report ranking;
    struct buf out;
    struct jw w = {.out = &out};

    if (report->results && !rank_results(report->results, report->model, arena, &ranking))
        return false;
    buf_init(&out, arena);
    jw_object(&w, NULL);
    jw_int(&w, "learners", (int64_t)backtest_learners(report->backtest));
    jw_number(&w, "interval_level", report->interval_level);
    jw_array(&w, "results");
    for (int h = 0; h < BACKTEST_HORIZONS; h++) {
        for (int m = 0; m < PREDICTION_MODELS; m++)
            write_result(&w, report->backtest, h, (enum prediction_model)m);
    }
    jw_array_end(&w);
    if (report->results)
        write_ranking(&w, &ranking);
    jw_object_end(&w);
    if (!out.failed)
        (void)printf("%.*s\n", STR_ARG(buf_view(&out)));
    return !out.failed;
}

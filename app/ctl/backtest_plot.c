/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Draws the chart of mastery-ctl backtest with gnuplot: for a week and for four weeks ahead, above
 * the predicted against the true scores, below the reliability of the predicted probabilities. */
#include "app/ctl/backtest_print.h"

#include <math.h>

/* HEIGHT: height of the chart, in pixels. DRAWN: number of horizons (days ahead) that are drawn. */
enum { HEIGHT = 900, DRAWN = 2 };
/* indexes in backtest_horizons: of the shortest and the longest horizon */
static const int drawn_horizons[DRAWN] = {0, BACKTEST_HORIZONS - 1};

/* Returns the middle of class i of scores: [0,1] is cut into BACKTEST_CELLS equal classes. */
static double cell_middle(int i)
{
    return (i + 0.5) / BACKTEST_CELLS;
}

/* Draws a circle for each pair of a class of predicted scores (p) and a class of true scores (t).
 * The area of a circle is the pair's share of the predictions; a share of 1 would have the point
 * size 8. horizon: index in backtest_horizons (days ahead). */
static void plot_scores(FILE *out, const struct backtest_report *report, int horizon)
{
    (void)fprintf(out,
                  "set title '%d days ahead'\nset xlabel 'predicted score'\n"
                  "set ylabel 'true score'\n"
                  "plot '-' with points pointtype 7 pointsize variable title 'predictions', x with "
                  "lines dashtype 2 notitle\n",
                  backtest_horizons[horizon]);
    for (int p = 0; p < BACKTEST_CELLS; p++) {
        for (int t = 0; t < BACKTEST_CELLS; t++) {
            size_t n = backtest_cell(report->backtest, horizon, report->model, p, t);
            double share = (double)n / (double)backtest_predictions(report->backtest, horizon);

            if (n > 0)
                (void)fprintf(out, "%.4f %.4f %.4f\n", cell_middle(p), cell_middle(t),
                              8 * sqrt(share));
        }
    }
    (void)fputs("e\n", out);
}

/* Draws for each class (bin) of the predicted probabilities of a score below
 * PREDICTION_INTERVENTION_BELOW: their mean, and the share of true scores that were below, with the
 * 95 % interval of the share (Wilson 1927; z is the quantile). A class without predictions is not
 * drawn. */
static void plot_reliability(FILE *out, const struct backtest_report *report, int horizon)
{
    const struct backtest_bin *bins = backtest_bins(report->backtest, horizon, report->model);
    const double z = 1.96;

    (void)fprintf(out,
                  "set title '%d days ahead: reliability'\n"
                  "set xlabel 'predicted probability of a score below %g'\n"
                  "set ylabel 'share of scores below'\n"
                  "plot '-' with yerrorbars pointtype 7 title 'observed', "
                  "x with lines dashtype 2 notitle\n",
                  backtest_horizons[horizon], PREDICTION_INTERVENTION_BELOW);
    for (int i = 0; i < BACKTEST_BINS; i++) {
        double n = (double)bins[i].n, share = n > 0 ? (double)bins[i].hits / n : 0;
        double middle = (share + z * z / (2 * n)) / (1 + z * z / n);
        double half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n));

        if (n > 0)
            (void)fprintf(out, "%.4f %.4f %.4f %.4f\n", bins[i].sum / n, share, middle - half,
                          middle + half);
    }
    (void)fputs("e\n", out);
}

bool backtest_plot(const struct subcommand *command, const char *path,
                   const struct backtest_report *report)
{
    struct plot plot;

    if (!plot_begin(command, path, HEIGHT, &plot))
        return false;
    (void)fprintf(plot.out,
                  "set multiplot layout 2,%d title '%s' noenhanced\nset xrange [0:1]\n"
                  "set yrange [0:1]\nset size square\nset grid\nset key left top\n"
                  "set style fill solid 0.5 noborder\n",
                  DRAWN, prediction_model_names[report->model]);
    for (int i = 0; i < DRAWN; i++)
        plot_scores(plot.out, report, drawn_horizons[i]);
    for (int i = 0; i < DRAWN; i++)
        plot_reliability(plot.out, report, drawn_horizons[i]);
    (void)fputs("unset multiplot\n", plot.out);
    return plot_end(command, &plot);
}

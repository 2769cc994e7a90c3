/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes gnuplot's commands and data for the chart of mastery-ctl report: first the data as two
 * named blocks, $days (history) and $ahead (prediction), then the upper panel with the scores and
 * the lower panel with the components. */
#include "app/ctl/report_plot.h"

#include <stdio.h>

#include "app/base/clock.h"
#include "app/ctl/plot.h"

enum { HEIGHT = 760 }; /* height of the chart, in pixels */

/* Colours for colour-blind readers: Paul Tol's "bright" scheme. */
static const char score_colour[] = "#4477aa", spread_colour[] = "#888888";
static const char *const component_colours[COMPONENTS] = {"#4477aa", "#ee6677", "#228833",
                                                          "#ccbb44"};
static const char *const level_colours[LEVELS] = {"#fbe9e7", "#fff8e1", "#eef6ea", "#e3f0e3"};

/* ---- data: one line a day ---- */

/* Writes a day as YYYY-MM-DD, the format that plot_set_time_axis sets. */
static void plot_write_day(FILE *out, int32_t day)
{
    char text[DAY_TEXT_SIZE];

    day_print(day, text);
    (void)fprintf(out, "%s", text);
}

/* Writes the block $days: date, score, the four components ("?" for one without evidence: nothing
 * was observed of it yet), lower and upper quartile of a cohort (0 for a student): columns 1 to 8.
 */
static void plot_write_history(FILE *out, const struct report *report)
{
    (void)fputs("$days << end\n", out);
    for (size_t i = 0; i < report->history.n; i++) {
        const struct daily *day = &report->history.days[i];

        plot_write_day(out, day->day);
        (void)fprintf(out, " %.6f", day->score);
        for (int c = 0; c < COMPONENTS; c++) {
            if (day->known & (1u << c))
                (void)fprintf(out, " %.6f", day->components[c]);
            else
                (void)fputs(" ?", out);
        }
        (void)fprintf(out, " %.6f %.6f\n", report->lower[i], report->upper[i]);
    }
    (void)fputs("end\n", out);
}

/* Writes the block $ahead: date, predicted score, lower and upper end of its interval: columns 1 to
 * 4. */
static void plot_write_prediction(FILE *out, const struct report *report)
{
    (void)fputs("$ahead << end\n", out);
    for (int i = 0; i < report->days_ahead; i++) {
        const struct prediction *prediction = &report->predictions[i];

        plot_write_day(out, prediction->day);
        (void)fprintf(out, " %.6f %.6f %.6f\n", prediction->score, prediction->interval.lower,
                      prediction->interval.upper);
    }
    (void)fputs("end\n", out);
}

/* ---- the two panels ---- */

/* Sets the time axis of both panels, from the day before the history to the day after the last
 * prediction, with a dashed line and a label at today, the day before the first prediction. */
static void plot_set_time_axis(FILE *out, const struct report *report)
{
    (void)fputs("set xdata time\nset timefmt '%Y-%m-%d'\nset format x '%d %b'\nset xrange ['", out);
    plot_write_day(out, report->history.days[0].day - 1);
    (void)fputs("':'", out);
    plot_write_day(out, report->predictions[report->days_ahead - 1].day + 1);
    (void)fputs("']\nset arrow 1 from '", out);
    plot_write_day(out, report->predictions[0].day - 1);
    (void)fputs("', graph 0 to '", out);
    plot_write_day(out, report->predictions[0].day - 1);
    (void)fputs("', graph 1 nohead dashtype 3 linecolor rgb '#666666'\nset label 9 ' today' at '",
                out);
    plot_write_day(out, report->predictions[0].day - 1);
    (void)fputs("', graph 0.04 left font ',9' textcolor rgb '#555555'\n", out);
}

/* Sets a coloured and labelled band for each level of mastery, so that the level of a score can be
 * seen. The next plot command draws them. */
static void plot_set_levels(FILE *out)
{
    for (int level = 0; level < LEVELS; level++) {
        double from = level_floors[level], to = level + 1 < LEVELS ? level_floors[level + 1] : 1;

        (void)fprintf(out,
                      "set object %d rectangle from graph 0, first %g to graph 1, first %g behind "
                      "fillcolor rgb '%s' fillstyle solid 1 noborder\n"
                      "set label %d '%s' at graph 1.01, first %g left textcolor rgb '#555555'\n",
                      level + 1, from, to, level_colours[level], level + 1, level_names[level],
                      (from + to) / 2);
    }
}

/* Begins a panel between two heights of the chart (0 to 1). Both panels have the same left and
 * right margins, so that a day has the same position in both. */
static void plot_begin_panel(FILE *out, double bottom, double top)
{
    (void)fprintf(
        out,
        "set lmargin at screen 0.06\nset rmargin at screen 0.89\n"
        "set bmargin at screen %g\nset tmargin at screen %g\n"
        "set yrange [0:1]\nset ytics 0.2\nset grid linecolor rgb '#dddddd'\n"
        "set border 3 linecolor rgb '#888888'\nset tics nomirror textcolor rgb '#333333'\n",
        bottom, top);
}

/* Draws the upper panel: interval of the prediction, quartiles of a cohort, prediction, scores.
 * Numbers such as 1:3:4 are columns of the blocks $ahead and $days (plot_write_history). */
static void plot_scores(FILE *out, const struct report *report)
{
    const char *line = report->is_group ? "mean score" : "score";

    plot_begin_panel(out, 0.42, 0.9);
    (void)fprintf(
        out,
        "set title '%s' font ',15' offset 0, 1.4\n"
        "set key at screen 0.06, 0.935 left vertical maxrows 1 Left reverse samplen 3 width 2\n",
        report->title);
    plot_set_levels(out);
    (void)fprintf(out,
                  "plot $ahead using 1:3:4 with filledcurves fillcolor rgb '%s' fillstyle "
                  "transparent solid 0.25 title '%g %% interval', ",
                  score_colour, report->predictions[0].interval.level * 100);
    if (report->is_group)
        (void)fprintf(out,
                      "$days using 1:7:8 with filledcurves fillcolor rgb '%s' fillstyle "
                      "transparent solid 0.3 title 'quartiles', ",
                      spread_colour);
    (void)fprintf(out,
                  "$ahead using 1:2 with lines linewidth 2 dashtype 2 linecolor rgb '%s' title "
                  "'prediction', $days using 1:2 with linespoints pointtype 7 pointsize 0.5 "
                  "linewidth 2 linecolor rgb '%s' title '%s'\n",
                  score_colour, score_colour, line);
}

/* Returns whether at least one day of the history has the component. */
static bool component_is_known(const struct report *report, int component)
{
    for (size_t i = 0; i < report->history.n; i++) {
        if (report->history.days[i].known & (1u << component))
            return true;
    }
    return false;
}

/* Draws the lower panel, a line for each component c (column c + 3 of $days). Skips a component
 * that has no evidence on any day, because a line at 0 would look like a score of 0. */
static void plot_components(FILE *out, const struct report *report)
{
    const char *separator = "plot";

    plot_begin_panel(out, 0.06, 0.32);
    (void)fputs("unset title\nunset object\nunset label\nset key at screen 0.06, 0.355\n", out);
    for (int c = 0; c < COMPONENTS; c++) {
        if (!component_is_known(report, c))
            continue;
        (void)fprintf(out,
                      "%s $days using 1:%d with linespoints pointtype 7 pointsize 0.3 linewidth 2 "
                      "linecolor rgb '%s' title '%s'",
                      separator, c + 3, component_colours[c], component_names[c]);
        separator = ",";
    }
    (void)fputc('\n', out);
}

/* Writes the data blocks first, because the commands of the panels refer to them. "noenhanced"
 * keeps gnuplot from showing _ in ids as a subscript. plot_end finds failed writes. */
bool report_draw(const struct subcommand *command, const char *path, const struct report *report)
{
    struct plot plot;

    if (!plot_begin(command, path, HEIGHT, &plot))
        return false;
    plot_write_history(plot.out, report);
    plot_write_prediction(plot.out, report);
    (void)fputs("set datafile missing '?'\nset termoption noenhanced\nset multiplot\n", plot.out);
    plot_set_time_axis(plot.out, report);
    plot_scores(plot.out, report);
    plot_components(plot.out, report);
    (void)fputs("unset multiplot\n", plot.out);
    return plot_end(command, &plot);
}

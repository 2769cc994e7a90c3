/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/prediction.h"

#include <math.h>

#include <CUnit/CUnit.h>

#include <gsl/gsl_cdf.h>

void prediction_tests(void);

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const double near = 1e-9;

static void assert_near(double actual, double expected)
{
    CU_ASSERT(isfinite(actual));
    CU_ASSERT_DOUBLE_EQUAL(actual, expected, near * fmax(fabs(expected), 1e-3));
}

/* clang-format off */
/* NIST StRD Norris. */
static const double norris[36][2] = { /* y, x */
    {.1, .2}, {338.8, 337.4}, {118.1, 118.2}, {888.0, 884.6}, {9.2, 10.1}, {228.1, 226.5},
    {668.5, 666.3}, {998.5, 996.3}, {449.1, 448.6}, {778.9, 777.0}, {559.2, 558.2}, {.3, .4},
    {.1, .6}, {778.1, 775.5}, {668.8, 666.9}, {339.3, 338.0}, {448.9, 447.5}, {10.8, 11.6},
    {557.7, 556.0}, {228.3, 228.1}, {998.0, 995.8}, {888.8, 887.6}, {119.6, 120.2}, {.3, .3},
    {.6, .3}, {557.6, 556.8}, {339.3, 339.1}, {888.0, 887.2}, {998.5, 999.0}, {778.9, 779.0},
    {10.2, 11.1}, {117.6, 118.3}, {228.9, 229.2}, {668.4, 669.1}, {449.2, 448.9}, {.2, .5}};
/* R `cars`. */
static const double speed[50] = {
    4, 4, 7, 7, 8, 9, 10, 10, 10, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15,
    15, 16, 16, 17, 17, 17, 18, 18, 18, 18, 19, 19, 19, 20, 20, 20, 20, 20, 22, 23, 24, 24, 24, 24, 25};
static const double dist[50] = {
    2, 10, 4, 22, 16, 10, 18, 26, 34, 17, 28, 14, 20, 24, 28, 26, 34, 34, 46, 26, 36, 60, 80, 20, 26,
    54, 32, 40, 32, 40, 50, 42, 56, 76, 84, 36, 46, 68, 32, 48, 52, 56, 64, 66, 54, 70, 92, 93, 120, 85};
/* Anscombe I. */
static const double anscombe_x[11] = {10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5};
static const double anscombe_y[11] = {8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68};
/* clang-format on */

static void line_agrees_with_certified_values(void)
{
    double x[36], y[36];
    struct line l;
    for (int i = 0; i < 36; i++) {
        y[i] = norris[i][0];
        x[i] = norris[i][1];
    }
    CU_ASSERT_TRUE(line_fit(x, y, 36, &l));
    assert_near(line_at(&l, 0), -0.262323073774029);
    assert_near(l.slope, 1.00211681802045);
    assert_near(l.r_squared, 0.999993745883712);
    assert_near(l.residual, 0.884796396144373);
    assert_near(l.residual / sqrt(l.sxx), 0.000429796848199937);
    assert_near(l.residual * sqrt(1 / 36. + l.x_mean * l.x_mean / l.sxx), 0.232818234301152);

    CU_ASSERT_TRUE(line_fit(speed, dist, 50, &l));
    assert_near(l.slope, 3.93240875912409);
    assert_near(line_at(&l, 0), -17.5790948905109);
    assert_near(l.r_squared, 0.651079380758251);
    assert_near(l.residual, 15.3795867488199);

    CU_ASSERT_TRUE(line_fit(anscombe_x, anscombe_y, 11, &l));
    assert_near(l.slope, 0.500090909090909);
    assert_near(line_at(&l, 0), 3.00009090909091);
    assert_near(l.r_squared, 0.666542459508775);
    assert_near(l.residual, 1.23660332272632);
}

static void prediction_intervals_agree_with_published_ones(void)
{
    static const struct {
        const double *x, *y;
        size_t n;
        double level, at, fit, lower, upper;
    } rows[] = {
        {speed, dist, 50, .95, 4, -1.84945985401455, -34.4998424533312, 30.8009227453021},
        {speed, dist, 50, .95, 15.4, 42.98, 11.7495718739941, 74.2104281260059},
        {speed, dist, 50, .95, 21, 65.0014890510949, 33.4225736404645, 96.5804044617253},
        {speed, dist, 50, .9, 10, 21.74499270073, -4.5771065753554, 48.0670919768153},
        {anscombe_x, anscombe_y, 11, .95, 9, 7.50090909090909, 4.57912941558645, 10.4226887662317},
        {anscombe_x, anscombe_y, 11, .95, 20, 13.0019090909091, 8.86128922030401, 17.1425289615142},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct line l;
        CU_ASSERT_TRUE(line_fit(rows[i].x, rows[i].y, rows[i].n, &l));
        double margin = gsl_cdf_tdist_Pinv((1 + rows[i].level) / 2, (double)rows[i].n - 2) *
                        line_error_at(&l, rows[i].at);
        assert_near(line_at(&l, rows[i].at), rows[i].fit);
        assert_near(line_at(&l, rows[i].at) - margin, rows[i].lower);
        assert_near(line_at(&l, rows[i].at) + margin, rows[i].upper);
    }
}

static void a_line_needs_two_different_places(void)
{
    static const double same[] = {3, 3}, x[] = {1, 2}, y[] = {.5, .7};
    struct line l = {.n = 99};
    CU_ASSERT_FALSE(line_fit(same, y, 2, &l));
    CU_ASSERT_FALSE(line_fit(x, y, 1, &l));
    CU_ASSERT_FALSE(line_fit(x, y, 0, &l));
    CU_ASSERT_EQUAL(l.n, 99);
    CU_ASSERT_TRUE(line_fit(x, y, 2, &l));
    CU_ASSERT_EQUAL(l.residual, 0);
    CU_ASSERT_DOUBLE_EQUAL(l.slope, .2, near);
}

static size_t make_days(struct daily *days, const int32_t *at, const double *scores, size_t n)
{
    for (size_t i = 0; i < n; i++)
        days[i] = (struct daily){.day = at[i],
                                 .score = scores[i],
                                 .components = {scores[i], 1 - scores[i], .3, 0},
                                 .known = 7};
    return n;
}

/* On the day of the last score. */
static void fit(const struct daily *days, size_t n, struct forecast *ret)
{
    forecast_fit(LEAST_SQUARES, days, n, days[n - 1].day, ret);
}

static void assert_sane(const struct prediction *p)
{
    CU_ASSERT(p->score >= 0 && p->score <= 1);
    CU_ASSERT(p->interval.lower >= 0 && p->interval.upper <= 1);
    CU_ASSERT(p->interval.lower <= p->score && p->score <= p->interval.upper);
    CU_ASSERT(p->interval.upper - p->interval.lower > PREDICTION_WIDTH_MIN - 1e-12);
    CU_ASSERT(p->confidence >= 0 && p->confidence < 1);
    CU_ASSERT_EQUAL(p->interval.level, .9);
    CU_ASSERT_EQUAL(p->level, mastery_level(p->score));
    CU_ASSERT_EQUAL(p->intervention_needed, p->score < .5);
}

static struct prediction predict(const struct forecast *f, int32_t day, double factor)
{
    struct prediction p;
    forecast_at(f, day, factor, &p);
    CU_ASSERT_EQUAL(p.day, day);
    assert_sane(&p);
    return p;
}

enum { LEARNER_DAYS = 6 };
static const double learner_scores[LEARNER_DAYS] = {.50, .52, .55, .53, .60, .61};

static void make_learner(struct daily days[LEARNER_DAYS], int32_t first)
{
    const int32_t at[] = {first, first + 1, first + 2, first + 3, first + 5, first + 6};
    make_days(days, at, learner_scores, LEARNER_DAYS);
}

static void a_learner_is_predicted_alike_whatever_the_date(void)
{
    static const int32_t firsts[] = {0, 20000, -20000, 2000000};
    for (size_t i = 0; i < COUNT(firsts); i++) {
        struct daily days[LEARNER_DAYS];
        struct forecast f;
        make_learner(days, firsts[i]);
        fit(days, LEARNER_DAYS, &f);
        CU_ASSERT_FALSE(f.insufficient);
        CU_ASSERT_EQUAL(f.days, LEARNER_DAYS);
        CU_ASSERT_EQUAL(f.day_zero, firsts[i]);
        CU_ASSERT_EQUAL(f.latest_score, .61);
        assert_near(f.slope, 0.0183229813664596);
        assert_near(f.intercept, 0.499751552795031);
        assert_near(f.r_squared, 0.911514250102123);
        assert_near(f.line.residual, 0.0147862618796189);
        assert_near(line_error_at(&f.line, 13), 0.0331246376397495);
        struct prediction p = predict(&f, firsts[i] + 13, 0);
        /* The residual is below its floor, 0.02. */
        assert_near(p.score, 0.737950310559006);
        assert_near(p.interval.lower, 0.642433738655364);
        assert_near(p.interval.upper, 0.833466882462648);
        assert_near(p.confidence, 0.862355860938779);
        CU_ASSERT_STRING_EQUAL(p.trend, "improving");
        CU_ASSERT_EQUAL(p.level, PROFICIENT);
    }
}

static void exact_lines_have_an_honest_width(void)
{
    static const int32_t at[] = {0, 1, 2, 3, 4};
    static const struct {
        double scores[5];
        double slope, r_squared;
        int32_t day;
        double score;
        const char *trend;
    } rows[] = {{{.5, .6, .7, .8, .9}, .1, 1, 5, 1, "improving"},
                {{.5, .6, .7, .8, .9}, .1, 1, 30, 1, "improving"},
                {{.9, .8, .7, .6, .5}, -.1, 1, 20, 0, "declining"},
                {{.9, .8, .7, .6, .5}, -.1, 1, 5, .4, "declining"},
                {{.7, .7, .7, .7, .7}, 0, 0, 30, .7, "stable"},
                {{.5, .502, .504, .506, .508}, .002, 1, 5, .51, "stable"},
                {{1, 1, 1, 1, 1}, 0, 0, 7, 1, "stable"},
                {{0, 0, 0, 0, 0}, 0, 0, 7, 0, "stable"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct daily days[5];
        struct forecast f;
        fit(days, make_days(days, at, rows[i].scores, 5), &f);
        CU_ASSERT_EQUAL(f.slope, rows[i].slope);
        CU_ASSERT_EQUAL(f.r_squared, rows[i].r_squared);
        CU_ASSERT_EQUAL(f.intercept, rows[i].scores[0]);
        struct prediction p = predict(&f, rows[i].day, 0);
        CU_ASSERT_STRING_EQUAL(p.trend, rows[i].trend);
        CU_ASSERT_EQUAL(p.score, rows[i].score);
    }
}

static void few_days_give_the_latest_score_and_a_wide_interval(void)
{
    static const int32_t at[] = {0, 1};
    static const double scores[] = {.9, .5};
    for (size_t n = 1; n <= 2; n++) {
        struct daily days[2];
        struct forecast f;
        make_days(days, at, scores, n);
        fit(days, n, &f);
        CU_ASSERT_TRUE(f.insufficient);
        CU_ASSERT_EQUAL(f.slope, 0);
        CU_ASSERT_EQUAL(f.r_squared, 0);
        CU_ASSERT_EQUAL(f.intercept, scores[n - 1]);
        struct prediction p = predict(&f, 8, 0);
        CU_ASSERT_STRING_EQUAL(p.trend, "stable");
        CU_ASSERT_EQUAL(p.score, scores[n - 1]);
        CU_ASSERT(p.confidence > .2 && p.confidence <= .3);
        CU_ASSERT(p.interval.upper - p.interval.lower > .5);
    }
}

static void at_most_the_history_goes_in(void)
{
    enum { MORE = HISTORY_DAYS + 5 };
    static struct daily days[MORE];
    struct forecast f;
    for (int i = 0; i < MORE; i++)
        days[i] = (struct daily){.day = i, .score = i < 5 ? 1 : .4, .components = {.1}, .known = 1};
    fit(days, MORE, &f);
    CU_ASSERT_EQUAL(f.days, HISTORY_DAYS);
    CU_ASSERT_EQUAL(f.day_zero, 5);
    CU_ASSERT_EQUAL(f.slope, 0);
}

static void interventions_lift_the_prediction(void)
{
    struct daily days[LEARNER_DAYS];
    struct forecast f;
    make_learner(days, 0);
    fit(days, LEARNER_DAYS, &f);
    struct prediction plain = predict(&f, 13, 0);
    for (int i = 0; i < INTERVENTIONS; i++) {
        double factor = intervention_factors[i];
        struct prediction p = predict(&f, 13, factor);
        assert_near(p.score, plain.score + factor * (1 - plain.score));
        assert_near(p.interval.lower, plain.interval.lower + factor * (1 - plain.interval.lower));
        assert_near(p.interval.upper, plain.interval.upper + factor * (1 - plain.interval.upper));
    }
    CU_ASSERT_EQUAL(intervention_factors[TUTORING], .15);
    CU_ASSERT_STRING_EQUAL(intervention_names[GUIDED_REVIEW], "review");
    CU_ASSERT_EQUAL(predict(&f, 13, 1).score, 1);
    CU_ASSERT(predict(&f, 13, 1).confidence > .999);
}

/* An intervention of 0.5 raises every score to at least 0.5: so no score is below developing. */
static void confidence_counts_what_the_intervention_lifts(void)
{
    struct daily days[LEARNER_DAYS];
    struct forecast f;
    make_learner(days, 0);
    fit(days, LEARNER_DAYS, &f);
    struct prediction p = predict(&f, -20, .5); /* far back: the line is near 0.13 there */
    CU_ASSERT_EQUAL(p.level, DEVELOPING);
    double error = line_error_at(&f.line, -20) * .02 / f.line.residual; /* its floor */
    double below = gsl_cdf_tdist_P((.2 - line_at(&f.line, -20)) / error, 4);
    assert_near(p.confidence, below);
}

static void levels_at_the_ends_are_open(void)
{
    static const int32_t at[] = {0, 1, 2, 3};
    static const double high[] = {.8, .9, .93, .99}, low[] = {.2, .1, .07, .01};
    struct daily days[4];
    struct forecast f;
    fit(days, make_days(days, at, high, 4), &f);
    struct prediction p = predict(&f, 20, 0);
    CU_ASSERT_EQUAL(p.score, 1);
    CU_ASSERT(p.confidence > .9);
    fit(days, make_days(days, at, low, 4), &f);
    p = predict(&f, 20, 0);
    CU_ASSERT_EQUAL(p.score, 0);
    CU_ASSERT(p.confidence > .9);
    CU_ASSERT_TRUE(p.intervention_needed);
}

static void components_have_lines_of_their_own(void)
{
    static const int32_t at[] = {0, 1, 2, 3};
    static const double scores[] = {.1, .2, .3, .4};
    struct daily days[4];
    double projected[COMPONENTS];
    struct forecast f;
    make_days(days, at, scores, 4);
    days[0].known = days[1].known = 3; /* quality is known on two days only */
    days[3].components[QUALITY] = .35;
    fit(days, 4, &f);
    forecast_components(&f, 5, 0, projected);
    assert_near(projected[COMPLETION], .6);
    assert_near(projected[QUIZ], .4);
    CU_ASSERT_EQUAL(projected[QUALITY], .35);
    CU_ASSERT_EQUAL(projected[CONSISTENCY], 0);
    forecast_components(&f, 40, 0, projected);
    CU_ASSERT_EQUAL(projected[COMPLETION], 1);
    CU_ASSERT_EQUAL(projected[QUIZ], 0);
    forecast_components(&f, 40, .15, projected);
    CU_ASSERT_EQUAL(projected[QUIZ], .15);
}

static void accuracy_compares_with_the_scores_that_came_true(void)
{
    static const int32_t at[] = {10, 12};
    static const double scores[] = {.5, .6};
    static const struct stored_prediction kept[] = {
        {9, .5, .4, .6},   /* before the history: not verified */
        {10, .6, .5, .7},  /* off by 0.1, within */
        {11, .4, .45, .5}, /* the 10th's score still stood: off by 0.1, on the limit */
        {12, .9, .8, 1},   /* off by 0.3, outside */
        {13, .6, .5, .7},  /* today */
        {14, .6, .5, .7},  /* to come */
    };
    struct daily days[2];
    struct accuracy a;
    make_days(days, at, scores, 2);
    accuracy_of(kept, COUNT(kept), days, 2, 13, &a);
    CU_ASSERT_EQUAL(a.total_predictions, 6);
    CU_ASSERT_EQUAL(a.verified_predictions, 4);
    CU_ASSERT_EQUAL(a.average_error, .125);
    CU_ASSERT_EQUAL(a.within_variance_rate, .75);
    CU_ASSERT_EQUAL(a.recent_accuracy, .875);
    accuracy_of(kept, COUNT(kept), days, 0, 13, &a);
    CU_ASSERT_EQUAL(a.total_predictions, 6);
    CU_ASSERT_EQUAL(a.verified_predictions, 0);
    CU_ASSERT_EQUAL(a.recent_accuracy, 0);
}

static void recent_accuracy_is_of_the_last_ten(void)
{
    static const int32_t at[] = {1};
    static const double scores[] = {.5};
    struct stored_prediction kept[20];
    struct daily days[1];
    struct accuracy a;
    make_days(days, at, scores, 1);
    for (int i = 0; i < 20; i++)
        kept[i] = (struct stored_prediction){2, i < 10 ? .9 : .6, i < 10 ? .8 : .4, 1};
    accuracy_of(kept, 20, days, 1, 5, &a);
    CU_ASSERT_EQUAL(a.average_error, .25);
    CU_ASSERT_EQUAL(a.recent_accuracy, .9);
    CU_ASSERT_EQUAL(a.within_variance_rate, .5);
}

/* Random, nothing but 0 and 1, constant, a step, a line: with gaps and without, with activity and
 * without. */
static size_t make_history(struct daily *days, int round, uint32_t *seed)
{
    enum { RANDOM, EXTREME, CONSTANT, STEP, LINE, KINDS };
    int32_t day = 19000;
    size_t n = 1 + (size_t)round % HISTORY_DAYS;
    for (size_t i = 0; i < n; i++) {
        *seed = *seed * 1664525U + 1013904223U;
        double random = (*seed >> 8 & 1023) / 1023.;
        const double scores[KINDS] = {random, *seed >> 31, .7, i < n / 2, (double)i / (double)n};
        day += round % 2 ? 1 : 1 + (int32_t)(*seed >> (round % 3 ? 30 : 27));
        days[i] = (struct daily){.day = day,
                                 .score = scores[round % KINDS],
                                 .components = {random, .5, 1, random},
                                 .known = *seed >> 16 & 15,
                                 .consistency_weight = round % 4 ? .1 : 1,
                                 .active_days = round % 7 ? *seed | 1 : 0};
    }
    return n;
}

static void any_history_gives_finite_answers(void)
{
    uint32_t seed = 7;
    for (int round = 0; round < 2000; round++) {
        struct daily days[HISTORY_DAYS];
        size_t n = make_history(days, round, &seed);
        int32_t today = days[n - 1].day + round % 11 * 4; /* also long after the last day */
        for (int model = 0; model < PREDICTION_MODELS; model++) {
            double projected[COMPONENTS];
            struct forecast f;
            forecast_fit((enum prediction_model)model, days, n, today, &f);
            CU_ASSERT(isfinite(f.slope) && isfinite(f.intercept));
            CU_ASSERT(f.r_squared >= 0 && f.r_squared <= 1);
            predict(&f, today + 1 + round % 30, round % 7 / 6.);
            forecast_components(&f, today + 7, 0, projected);
            for (int c = 0; c < COMPONENTS; c++)
                CU_ASSERT(projected[c] >= 0 && projected[c] <= 1);
        }
    }
}

static void three_rising_days_promise_nothing(void)
{
    static const int32_t at[] = {0, 1, 2};
    static const double scores[] = {.4, .425, .45};
    for (int model = 0; model < PREDICTION_MODELS; model++) {
        struct daily days[3];
        struct forecast f;
        forecast_fit((enum prediction_model)model, days, make_days(days, at, scores, 3), 2, &f);
        for (int ahead = 1; ahead <= 30; ahead++) {
            struct prediction p = predict(&f, 2 + ahead, 0);
            CU_ASSERT(p.interval.upper - p.interval.lower > .03);
            CU_ASSERT(p.confidence < .99);
        }
    }
}

/* Seven days ahead a student active on each of six days has a higher consistency, one who was
 * active on each of the last fourteen and idle for a week since a lower one. */
static void a_trend_is_a_change_that_is_probable(void)
{
    static const struct {
        size_t n;
        int idle;
        double weight; /* of consistency */
        const char *trend;
    } rows[] = {{6, 0, .1, "improving"}, {6, 0, .01, "stable"}, {14, 13, .1, "declining"},
                {14, 0, .1, "stable"},   {6, 0, 0, "stable"},   {2, 0, .1, "stable"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct daily days[14];
        struct forecast f;
        for (size_t d = 0; d < rows[i].n; d++)
            days[d] = (struct daily){.day = (int32_t)d,
                                     .score = .5,
                                     .components = {[CONSISTENCY] = fmin(1, (double)(d + 1) / 10)},
                                     .known = 15,
                                     .consistency_weight = rows[i].weight,
                                     .active_days = (UINT32_C(2) << d) - 1};
        int32_t today = (int32_t)rows[i].n - 1 + rows[i].idle;
        forecast_fit(PROJECTION, days, rows[i].n, today, &f);
        CU_ASSERT_STRING_EQUAL(predict(&f, today + 7, 0).trend, rows[i].trend);
        CU_ASSERT_STRING_EQUAL(predict(&f, today + 7, .5).trend, rows[i].trend);
        forecast_fit(LAST_VALUE, days, rows[i].n, today, &f);
        CU_ASSERT_STRING_EQUAL(predict(&f, today + 7, 0).trend, "stable");
    }
}

/* An event may be dated an hour ahead, on the next day; older days than the history are left out.
 */
static void today_is_not_before_the_last_day(void)
{
    struct daily days[3] = {
        {.day = 0, .score = .9}, {.day = 95, .score = .5}, {.day = 96, .score = .4}};
    struct forecast f;
    forecast_fit(PROJECTION, days, 3, 95, &f);
    CU_ASSERT_EQUAL(f.today, 96);
    CU_ASSERT_EQUAL(f.days, 2);
    CU_ASSERT_EQUAL(predict(&f, 96, 0).score, .4);
    forecast_fit(PROJECTION, days, 3, 1000, &f);
    CU_ASSERT_EQUAL(f.days, 1);
    CU_ASSERT_EQUAL(predict(&f, 1007, 0).score, .4);
}

void prediction_tests(void)
{
    CU_pSuite suite = CU_add_suite("prediction", NULL, NULL);
    CU_ADD_TEST(suite, line_agrees_with_certified_values);
    CU_ADD_TEST(suite, prediction_intervals_agree_with_published_ones);
    CU_ADD_TEST(suite, a_line_needs_two_different_places);
    CU_ADD_TEST(suite, a_learner_is_predicted_alike_whatever_the_date);
    CU_ADD_TEST(suite, exact_lines_have_an_honest_width);
    CU_ADD_TEST(suite, few_days_give_the_latest_score_and_a_wide_interval);
    CU_ADD_TEST(suite, at_most_the_history_goes_in);
    CU_ADD_TEST(suite, interventions_lift_the_prediction);
    CU_ADD_TEST(suite, confidence_counts_what_the_intervention_lifts);
    CU_ADD_TEST(suite, levels_at_the_ends_are_open);
    CU_ADD_TEST(suite, components_have_lines_of_their_own);
    CU_ADD_TEST(suite, accuracy_compares_with_the_scores_that_came_true);
    CU_ADD_TEST(suite, recent_accuracy_is_of_the_last_ten);
    CU_ADD_TEST(suite, any_history_gives_finite_answers);
    CU_ADD_TEST(suite, three_rising_days_promise_nothing);
    CU_ADD_TEST(suite, a_trend_is_a_change_that_is_probable);
    CU_ADD_TEST(suite, today_is_not_before_the_last_day);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Generates the histories of mastery-ctl seed: a straight line plus noise from the random numbers
 * of the GNU Scientific Library (generator mt19937). */
#include "app/ctl/seed_curve.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/base/digest.h"
#include "app/base/ids.h"
#include "app/base/number.h"

/* Writes the error text. Always returns false, so that callers can `return` it. */
static bool curve_error(char ret_error[200], const char *why)
{
    (void)snprintf(ret_error, 200, "%s", why);
    return false;
}

/* Sets the ids of the plan's students: the named ones, then PREFIX1, PREFIX2, ... False with the
 * reason in ret_error. */
static bool curve_name_students(const struct seed_curve *curve, struct arena *arena,
                                struct seed_plan *plan, char ret_error[200])
{
    for (size_t i = 0; i < curve->students.n; i++)
        plan->students[plan->n++].id = curve->students.v[i];
    for (int64_t i = 1; i <= curve->student_count; i++) {
        struct str id = arena_printf(arena, "%s%" PRId64, curve->prefix, i);

        if (!id.p)
            return curve_error(ret_error, "out of memory");
        if (!id_valid(id))
            return curve_error(ret_error, "--prefix makes no valid ids: " ID_FORM);
        plan->students[plan->n++].id = id;
    }
    return true;
}

/* Compares two students by id, for qsort. */
static int student_compare_id(const void *a, const void *b)
{
    const struct seed_student *left = a, *right = b;

    return str_compare(left->id, right->id);
}

/* Sorts the plan's students by id. False with the reason in ret_error when a student occurs
 * twice. */
static bool curve_sort_students(struct seed_plan *plan, char ret_error[200])
{
    qsort(plan->students, plan->n, sizeof(*plan->students), student_compare_id);
    for (size_t i = 1; i < plan->n; i++) {
        if (str_equal(plan->students[i - 1].id, plan->students[i].id)) {
            (void)snprintf(ret_error, 200, "student %.*s is given twice",
                           STR_ARG(plan->students[i].id));
            return false;
        }
    }
    return true;
}

/* Seeds the generator with the first four bytes of an HMAC of the student's id, whose key is the
 * setting random_seed. So a student's values do not depend on the other students of the plan. */
static void curve_seed_generator(gsl_rng *generator, const struct seed_curve *curve,
                                 struct str student)
{
    unsigned char digest[DIGEST_SIZE];
    char key[24];
    uint32_t seed;
    int n = snprintf(key, sizeof(key), "%" PRId64, curve->random_seed);

    digest_hmac((struct str){key, (size_t)n}, student, digest);
    memcpy(&seed, digest, sizeof(seed));
    gsl_rng_set(generator, seed);
}

/* Rounds to three decimals. */
static double curve_round(double value)
{
    return round(value * 1000) / 1000;
}

/* Sets the days of one student, of which the last is today. A value is the point on the straight
 * line plus noise, clamped to [0, 1] and rounded to three decimals. */
static void curve_draw_days(const struct seed_curve *curve, int32_t today, gsl_rng *generator,
                            struct seed_day *days)
{
    for (int64_t i = 0; i < curve->days; i++) {
        double progress = curve->days > 1 ? (double)i / (double)(curve->days - 1) : 1;
        double mean = curve->from + (curve->to - curve->from) * progress;

        days[i].day = today - (int32_t)(curve->days - 1 - i);
        for (int component = 0; component < COMPONENTS; component++) {
            double value = mean + gsl_ran_gaussian(generator, curve->noise);

            days[i].components[component] = curve_round(number_clamp(value, 0, 1));
        }
    }
}

/* Makes the students, then the days of each. One array has the days of all students; `day` points
 * to the first day of student i. When out of memory, gsl_rng_alloc ends the program, because GSL's
 * error handler is switched off only later, by engine_open. */
bool seed_curve_plan(const struct seed_curve *curve, int32_t today, struct arena *arena,
                     struct seed_plan *ret, char ret_error[200])
{
    size_t n = curve->students.n + (size_t)curve->student_count, days = (size_t)curve->days;
    struct seed_plan plan = {.students = arena_array(arena, n, sizeof(*plan.students))};
    struct seed_day *day = arena_array(arena, n * days, sizeof(*day));
    gsl_rng *generator;

    if (!plan.students || !day)
        return curve_error(ret_error, "out of memory");
    if (!curve_name_students(curve, arena, &plan, ret_error) ||
        !curve_sort_students(&plan, ret_error))
        return false;
    generator = gsl_rng_alloc(gsl_rng_mt19937);
    for (size_t i = 0; i < plan.n; i++, day += days) {
        curve_seed_generator(generator, curve, plan.students[i].id);
        curve_draw_days(curve, today, generator, day);
        plan.students[i].days = day;
        plan.students[i].n = days;
    }
    gsl_rng_free(generator);
    *ret = plan;
    return true;
}

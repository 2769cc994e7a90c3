/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shapes that several endpoints take or answer. */
#ifndef ROUTES_SHAPES_H
#define ROUTES_SHAPES_H

#include "app/http/rule.h"

extern const struct rule shape_components[];       /* four shares, by component */
extern const struct rule shape_components_input[]; /* the same to be taken: double[COMPONENTS] */
extern const struct rule shape_mastery_result[];   /* MasteryResult of the contract */
extern const struct rule shape_history_day[];
extern const struct rule shape_activity[];
extern const struct rule shape_query_metadata[];
extern const struct rule shape_summary[];  /* Summary of the contract */
extern const struct rule shape_interval[]; /* lower, upper, level */
extern const char *const shape_levels[];
extern const char *const shape_trends[]; /* improving, declining, stable */

/* Rows that close many answers. */
/* clang-format off */
#define SHAPE_SUCCESS                                                                              \
    {.name = "success", .type = RULE_BOOL, .required = true, .description = "Always true here"}
#define SHAPE_STUDENT                                                                              \
    {.name = "student_id", .type = RULE_ID, .required = true, .description = "The student"}
#define SHAPE_CORRELATION                                                                          \
    {.name = "correlation_id", .type = RULE_TEXT, .required = true, .description = "The request's id, as in X-Request-ID"}
#define SHAPE_SCORE(field, text)                                                                   \
    {.name = field, .type = RULE_NUMBER, .required = true, .max = 1, .description = text}
/* clang-format on */

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of rule tables (http/rule.h), and the tables that several endpoints share.
 *
 * A table is RULES(ROW, ROW, ...). A row ends with its description, after which further fields of
 * struct rule may follow. TYPE is a rule type without RULE_; tag and member name the input struct's
 * tag and member. */
#ifndef ROUTES_SHAPES_H
#define ROUTES_SHAPES_H

#include "app/http/rule.h"

/* clang-format off */
/* Adds the empty row that ends every table, so that none can be without. */
#define RULES(...) {__VA_ARGS__, {0}}

/* Rows of a response: a field that is always there, and one that may be absent. They also describe
 * a raw body (ROUTE_RAW_BODY), which no rule fills. */
#define OPTIONAL(TYPE, field, ...) {.name = field, .type = RULE_##TYPE, .description = __VA_ARGS__}
#define FIELD(TYPE, field, ...) OPTIONAL(TYPE, field, __VA_ARGS__, .required = true)

/* Rows of a request: from the body, from the query, an id from the path. */
#define BODY(TYPE, field, tag, member, ...)                                                        \
    OPTIONAL(TYPE, field, __VA_ARGS__, .offset = offsetof(struct tag, member))
#define QUERY(TYPE, field, tag, member, ...)                                                       \
    BODY(TYPE, field, tag, member, __VA_ARGS__, .source = IN_QUERY)
#define PATH_ID(field, tag, member, kind, ...)                                                     \
    BODY(ID, field, tag, member, __VA_ARGS__, .source = IN_PATH, .required = true, .subject = kind)

/* The student that a request is about; the input struct has `struct str student`. */
#define BODY_STUDENT(tag)                                                                          \
    BODY(ID, "student_id", tag, student, "The student", .required = true,                          \
         .subject = SUBJECT_STUDENT)
#define PATH_STUDENT(tag) PATH_ID("student_id", tag, student, SUBJECT_STUDENT, "The student")
struct student_input {
    struct str student;
};

/* Rows of many responses. */
#define SHAPE_SUCCESS FIELD(BOOL, "success", "Always true here")
#define SHAPE_STUDENT FIELD(ID, "student_id", "The student")
#define SHAPE_CORRELATION FIELD(TEXT, "correlation_id", "The request's id, as in X-Request-ID")
#define SHAPE_SCORE(field, text) FIELD(NUMBER, field, text, .max = 1)
/* ROW(name) for each component, in the order of enum component. */
#define SHAPE_EACH_COMPONENT(ROW) ROW("completion"), ROW("quiz"), ROW("quality"), ROW("consistency")
/* clang-format on */

extern const struct rule shape_components[];       /* four shares, by component */
extern const struct rule shape_components_input[]; /* the same in a request: double[COMPONENTS] */
extern const struct rule shape_mastery_result[];   /* docs/api.md, MasteryResult */
extern const struct rule shape_history_day[];
extern const struct rule shape_activity[];
extern const struct rule shape_query_metadata[];
extern const struct rule shape_summary[];  /* docs/api.md, Summary */
extern const struct rule shape_interval[]; /* lower, upper, level */
extern const char *const shape_levels[];
extern const char *const shape_trends[]; /* improving, declining, stable */

#endif

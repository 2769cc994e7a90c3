/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Macros for the rows of rule tables, and the tables that several endpoints share. A rule
 * (http/rule.h) describes one field of a request or response: its name, its type, its range and, in
 * a request, where its value is stored.
 *
 * A table is RULES(ROW, ROW, ...). A row ends with its description, after which further members of
 * struct rule may follow. TYPE is a rule type without its prefix RULE_. tag and member are the
 * input struct and the member of it that receives the value. */
#ifndef ROUTES_SHAPES_H
#define ROUTES_SHAPES_H

#include "app/http/rule.h"

/* clang-format off */
/* A table of rules. The empty row that ends every table is added here, so that it cannot be
 * forgotten. */
#define RULES(...) {__VA_ARGS__, {0}}

/* Rows of a response: FIELD is a field that is always there, OPTIONAL one that may be absent. They
 * also describe the body of a request that the handler parses itself (ROUTE_RAW_BODY), where no
 * rule stores a value. */
#define OPTIONAL(TYPE, field, ...) {.name = field, .type = RULE_##TYPE, .description = __VA_ARGS__}
#define FIELD(TYPE, field, ...) OPTIONAL(TYPE, field, __VA_ARGS__, .required = true)

/* Rows of a request: a field of the body, a field of the query, an id in the path. field: its name
 * in the request. tag, member: the struct and the member that receive its value. kind: what the id
 * names (enum rule_subject). */
#define BODY(TYPE, field, tag, member, ...)                                                        \
    OPTIONAL(TYPE, field, __VA_ARGS__, .offset = offsetof(struct tag, member))
#define QUERY(TYPE, field, tag, member, ...)                                                       \
    BODY(TYPE, field, tag, member, __VA_ARGS__, .source = IN_QUERY)
#define PATH_ID(field, tag, member, kind, ...)                                                     \
    BODY(ID, field, tag, member, __VA_ARGS__, .source = IN_PATH, .required = true, .subject = kind)

/* Row for the student that a request is about, in the body (BODY_STUDENT) or the path
 * (PATH_STUDENT). tag: the input struct, which must have a member `struct str student`. */
#define BODY_STUDENT(tag)                                                                          \
    BODY(ID, "student_id", tag, student, "The student", .required = true,                          \
         .subject = SUBJECT_STUDENT)
#define PATH_STUDENT(tag) PATH_ID("student_id", tag, student, SUBJECT_STUDENT, "The student")
/* Input of a route that needs only the student. */
struct student_input {
    struct str student;
};

/* Rows that the tables of many responses have in common. `success` is always true in these tables,
 * because error responses have other tables. */
#define SHAPE_SUCCESS FIELD(BOOL, "success", "Always true here")
#define SHAPE_STUDENT FIELD(ID, "student_id", "The student")
#define SHAPE_CORRELATION FIELD(TEXT, "correlation_id", "The request's id, as in X-Request-ID")
#define SHAPE_SCORE(field, text) FIELD(NUMBER, field, text, .max = 1)
/* Four rows, ROW(name) for each component, in the order of enum component. */
#define SHAPE_EACH_COMPONENT(ROW) ROW("completion"), ROW("quiz"), ROW("quality"), ROW("consistency")
/* Last arguments of a row (FIELD, BODY ...) of the type OBJECT or OBJECTS: the table of the fields
 * of that object, and the name of its schema in the OpenAPI document. For example
 * FIELD(OBJECT, "components", "The four components", SHAPE_OF_COMPONENTS). */
#define SHAPE_OF_COMPONENTS_INPUT .fields = shape_components_input, .schema = "ComponentsInput"
#define SHAPE_OF_COMPONENTS .fields = shape_components, .schema = "Components"
#define SHAPE_OF_MASTERY_RESULT .fields = shape_mastery_result, .schema = "MasteryResult"
#define SHAPE_OF_HISTORY_DAY .fields = shape_history_day, .schema = "HistoryDay"
#define SHAPE_OF_ACTIVITY .fields = shape_activity, .schema = "Activity"
#define SHAPE_OF_SUMMARY .fields = shape_summary, .schema = "Summary"
#define SHAPE_OF_INTERVAL .fields = shape_interval, .schema = "Interval"
/* clang-format on */

/* in a response: values of the four components, 0 to 1 */
extern const struct rule shape_components[];
/* components in a request; stored as double[COMPONENTS] */
extern const struct rule shape_components_input[];
extern const struct rule shape_mastery_result[]; /* docs/api.md, MasteryResult: a score */
extern const struct rule shape_history_day[];    /* one day of mastery/history */
extern const struct rule shape_activity[];
extern const struct rule shape_query_metadata[]; /* metadata of mastery/query and calculate */
extern const struct rule shape_summary[];        /* summary of scores (docs/api.md, Summary) */
extern const struct rule shape_interval[];       /* confidence interval: lower, upper, level */
extern const char *const shape_levels[];         /* names of the levels of mastery */
extern const char *const shape_trends[]; /* names of the trends: improving, declining, stable */

#endif

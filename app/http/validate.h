/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks a request against the rules of its route (a rule describes one field). Fills the input
 * struct of the route's handler, and reports all fields that are wrong. Fields without a rule are
 * ignored. */
#ifndef HTTP_VALIDATE_H
#define HTTP_VALIDATE_H

#include <json-c/json.h>

#include "app/base/problem.h"
#include "app/http/rule.h"

/* A path parameter that the router has found. */
struct path_value {
    struct str name;  /* name in the pattern of the route, such as student_id */
    struct str value; /* text of the segment (the part between two slashes) of the path */
};
enum { PATH_VALUES_MAX = 3 };
struct path_values {
    struct path_value v[PATH_VALUES_MAX];
    size_t n;
};

/* Fills input from a request. Returns false with field errors in p.
 * body: NULL when there is none. A body that is not an object is an error of the field "body" when
 * a rule reads from the body. query: still percent-encoded; a parameter that is sent twice is an
 * error. input: struct cleared by the caller. Its texts point into body and arena, which must
 * outlive it. */
bool validate_input(const struct rule *rules, const struct path_values *path, struct str query,
                    struct json_object *body, struct arena *arena, void *input, struct problem *p);

/* Fills input from one JSON object, by the rules that read from the body. Returns false with field
 * errors in p. prefix: path of the object in the body, which field errors begin with ("data" gives
 * "data.score"); empty: no path. NULL, or JSON that is no object, is an error of the field prefix,
 * or of "body" when prefix is empty. */
bool validate_object(const struct rule *rules, struct json_object *object, struct str prefix,
                     struct arena *arena, void *input, struct problem *p);

/* Fills input from one JSON object, also by the rules that read from the path or the query. It
 * serves /api/v1/process, whose body holds the whole input of another route. Returns false with
 * field errors in p. payload: NULL when all fields are absent. */
bool validate_payload(const struct rule *rules, struct json_object *payload, struct arena *arena,
                      void *input, struct problem *p);

#endif

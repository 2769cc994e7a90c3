/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lays a request over a route's table of rules: fills the handler's typed input, or names every
 * field that fails. Unknown fields are ignored; a known field of the wrong type is an error. */
#ifndef HTTP_VALIDATE_H
#define HTTP_VALIDATE_H

#include <json-c/json.h>

#include "app/base/problem.h"
#include "app/http/rule.h"

/* Path parameters by name, as the router found them. */
struct path_value {
    struct str name;
    struct str value;
};
enum { PATH_VALUES_MAX = 3 };
struct path_values {
    struct path_value v[PATH_VALUES_MAX];
    size_t n;
};

/* body: NULL when there is none; one that is not an object is an error of field "body" when a rule
 * wants body fields. query: still encoded; a parameter given twice is an error. input: cleared by
 * the caller; texts in it point into body and arena, which must outlive it. False with field errors
 * in p. */
bool validate_input(const struct rule *rules, const struct path_values *path, struct str query,
                    struct json_object *body, struct arena *arena, void *input, struct problem *p);

/* The same for one JSON object inside a larger one. prefix: its path, which is put before the field
 * names with a dot between ("data" gives "data.score"), or empty. NULL or another type is an error
 * of the field prefix, or "body". */
bool validate_object(const struct rule *rules, struct json_object *object, struct str prefix,
                     struct arena *arena, void *input, struct problem *p);

/* Every row's field from one object, wherever the row says that it comes from: for a request that
 * arrives as one object. */
bool validate_payload(const struct rule *rules, struct json_object *payload, struct arena *arena,
                      void *input, struct problem *p);

#endif

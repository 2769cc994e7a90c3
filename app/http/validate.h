/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks a request against the rules of its route: fills the handler's typed input, or reports
 * every field that fails. Fields without a rule are ignored. */
#ifndef HTTP_VALIDATE_H
#define HTTP_VALIDATE_H

#include <json-c/json.h>

#include "app/base/problem.h"
#include "app/http/rule.h"

/* A path parameter, as the router found it: the text of one segment. */
struct path_value {
    struct str name;
    struct str value;
};
enum { PATH_VALUES_MAX = 3 };
struct path_values {
    struct path_value v[PATH_VALUES_MAX];
    size_t n;
};

/* body: NULL when there is none; a body that is not an object is an error of the field "body" if
 * any rule reads from the body. query: still percent-encoded; a repeated parameter is an error.
 * input: cleared by the caller; its texts point into body and arena, which must outlive it. Returns
 * false with field errors in p. */
bool validate_input(const struct rule *rules, const struct path_values *path, struct str query,
                    struct json_object *body, struct arena *arena, void *input, struct problem *p);

/* Checks one JSON object by those rules that read from the body. prefix: the path of the object in
 * the body, which field errors then show ("data" gives "data.score"), or empty. An object that is
 * NULL or of another type is an error of the field prefix, or "body" when prefix is empty. */
bool validate_object(const struct rule *rules, struct json_object *object, struct str prefix,
                     struct arena *arena, void *input, struct problem *p);

/* Reads the fields of all rules from one object, also those of path and query: for a request that
 * arrives as a single JSON object (/api/v1/process). payload NULL: all are absent. */
bool validate_payload(const struct rule *rules, struct json_object *payload, struct arena *arena,
                      void *input, struct problem *p);

#endif

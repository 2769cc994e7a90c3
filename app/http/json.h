/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parses JSON that comes from clients. The library json-c accepts far more than RFC 8259 allows
 * (NaN, 1e999, control characters, duplicate keys and more: docs/hazards.md, hazards J1), so every
 * text is checked here before json-c parses it. */
#ifndef HTTP_JSON_H
#define HTTP_JSON_H

#include <json-c/json.h>

#include "app/base/arena.h"
#include "app/base/problem.h"

/* Limits of nesting and of the number of values. json-c needs up to 100 bytes for a string, number
 * or literal, four times as much for an array, and eight times as much for an object. An array
 * therefore counts as 4 values and an object as 8. JSON_VALUES_MAX (about 12 MB of memory) allows a
 * list of 1000 xAPI statements. JSON_VALUES_UNTRUSTED (about 2 MB) is for students and unknown
 * clients. */
enum { JSON_DEPTH_MAX = 32, JSON_VALUES_MAX = 120000, JSON_VALUES_UNTRUSTED = 20000 };

/* Accepts what RFC 8259 allows, with further limits: UTF-8 without BOM, no duplicate keys (compared
 * after decoding), no \u0000, no lone surrogates, numbers finite as doubles, nesting at most
 * JSON_DEPTH_MAX (the outermost value is level 1), at most max_values values (an array counts as 4
 * values, an object as 8).
 * False with the offset of the first wrong byte in *ret_offset. scratch: memory for keys; when
 * it is exhausted the text counts as invalid. */
bool json_check(struct str text, size_t max_values, struct arena *scratch, size_t *ret_offset);

/* Checks and parses a text of at most JSON_VALUES_MAX values. A whole number beyond 64 bits is a
 * double, like a number with a fraction. The parsed value is
 * released with the arena, so the caller must not call json_object_put for it. Returns NULL with
 * INVALID_JSON, PAYLOAD_TOO_LARGE (too many values) or INTERNAL_ERROR in p. Returns NULL without a
 * problem for the text `null`. */
struct json_object *json_parse(struct str text, struct arena *arena, struct problem *p);
/* Like json_parse, with max_values in place of JSON_VALUES_MAX. */
struct json_object *json_parse_limited(struct str text, size_t max_values, struct arena *arena,
                                       struct problem *p);
/* Like json_parse_limited, for several texts that share a limit: *values_left is reduced by the
 * values of a parsed text. */
struct json_object *json_parse_counted(struct str text, size_t *values_left, struct arena *arena,
                                       struct problem *p);

/* Returns the text of a JSON string, valid as long as json; p is NULL for any other type and for
 * null. */
struct str json_str(struct json_object *json);

#endif

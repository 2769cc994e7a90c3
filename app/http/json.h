/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON from outside. json-c accepts far more than RFC 8259 (hazards J1: NaN, 1e999, raw controls,
 * duplicates, ...), so every text is checked here first and only then parsed by json-c. */
#ifndef HTTP_JSON_H
#define HTTP_JSON_H

#include <json-c/json.h>

#include "app/base/arena.h"
#include "app/base/problem.h"

/* So many values a text may have. json-c takes up to a hundred bytes for a plain value, four times
 * as much for an array and eight times for an object, and so they count. JSON_VALUES_UNTRUSTED is
 * some two megabytes, for whoever may send what he likes as often as he likes. */
enum { JSON_DEPTH_MAX = 32, JSON_VALUES_MAX = 60000, JSON_VALUES_UNTRUSTED = 20000 };

/* Strict RFC 8259, and beyond it: UTF-8 without BOM, no duplicate keys (decoded keys compared), no
 * \u0000 in keys or strings, no lone surrogates, numbers finite as doubles, nesting at most
 * JSON_DEPTH_MAX (the outermost value is level 1), at most max_values values, counted as above.
 * True when it holds; else *ret_offset is the byte where it does not. scratch: memory for the keys;
 * running out of it counts as not valid. */
bool json_check(struct str text, size_t max_values, struct arena *scratch, size_t *ret_offset);

/* Checks, then parses. The object belongs to the arena. NULL with an INVALID_JSON in p. A text that
 * is `null` gives NULL without a problem. */
struct json_object *json_parse(struct str text, struct arena *arena, struct problem *p);
struct json_object *json_parse_limited(struct str text, size_t max_values, struct arena *arena,
                                       struct problem *p);

/* Well-formed UTF-8: no overlong forms, no surrogates, nothing beyond U+10FFFF. NUL is text. */
bool utf8_valid(struct str text);

#endif

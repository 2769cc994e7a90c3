/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON in the one form of RFC 8785 (JCS): members sorted by the UTF-16 units of their names, no
 * white space, numbers as ECMAScript prints doubles, nothing escaped that need not be. */
#ifndef HTTP_CANONICAL_H
#define HTTP_CANONICAL_H

#include <json-c/json.h>

#include "app/base/buf.h"

/* Appends the canonical text of the value to out. scratch: arena for the sorting of names. Without
 * memory out->failed is set. */
void canonical_print(struct buf *out, struct json_object *json, struct arena *scratch);
/* Appends a JSON string. text: valid UTF-8. */
void canonical_string(struct buf *out, struct str text);
/* Compares two member names by their UTF-16 code units: below 0 when a comes first, 0 when they are
 * equal, above 0 when b comes first. */
int canonical_compare(struct str a, struct str b);

#endif

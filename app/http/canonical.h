/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON in the one form of RFC 8785 (JCS): members sorted by the UTF-16 units of their names, no
 * white space, numbers as ECMAScript prints doubles, nothing escaped that need not be. */
#ifndef HTTP_CANONICAL_H
#define HTTP_CANONICAL_H

#include <json-c/json.h>

#include "app/base/buf.h"

/* Appends the value to out. scratch: arena for sorting; without memory out->failed is set. */
void canonical_print(struct buf *out, struct json_object *json, struct arena *scratch);
/* Appends a JSON string. text: valid UTF-8. */
void canonical_string(struct buf *out, struct str text);
/* Order of two member names by UTF-16 code units, as strcmp returns it. */
int canonical_compare(struct str a, struct str b);

#endif

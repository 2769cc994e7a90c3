/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON in the one form of RFC 8785 (JCS): members sorted by the UTF-16 units of their names, no
 * white space, numbers as ECMAScript prints doubles, nothing escaped that need not be. */
#ifndef HTTP_CANONICAL_H
#define HTTP_CANONICAL_H

#include <json-c/json.h>

#include "app/base/buf.h"

/* scratch: memory for the order of members. */
void canonical_print(struct buf *out, struct json_object *json, struct arena *scratch);
/* A string, and the order of two names. */
void canonical_string(struct buf *out, struct str text);
int canonical_compare(struct str a, struct str b);

#endif

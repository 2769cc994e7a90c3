/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes JSON into a buf without building a tree. It adds the commas and escapes texts; the caller
 * is responsible for correct nesting. The parameter key is the name of an object member, a string
 * literal that needs no escaping; it is NULL for array elements and for the outermost value. "jw"
 * means JSON writer; the prefix json_ belongs to json-c. */
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H

#include "app/base/buf.h"

struct jw {
    struct buf *out;
    bool comma; /* the next value needs a comma: it is not the first in its object or array */
};

/* Begin and end an object or an array, whose values the calls between the two write. */
void jw_object(struct jw *w, const char *key);
void jw_object_end(struct jw *w);
void jw_array(struct jw *w, const char *key);
void jw_array_end(struct jw *w);
void jw_str(struct jw *w, const char *key, struct str value);
void jw_text(struct jw *w, const char *key, const char *value); /* NULL is written as null */
void jw_int(struct jw *w, const char *key, int64_t value);
/* NaN and infinity are written as null. */
void jw_number(struct jw *w, const char *key, double value);
void jw_bool(struct jw *w, const char *key, bool value);
void jw_null(struct jw *w, const char *key);
void jw_raw(struct jw *w, const char *key, struct str json);   /* valid JSON, copied unchanged */
void jw_time(struct jw *w, const char *key, int64_t epoch_ms); /* RFC 3339, UTC, ms, Z */
void jw_day(struct jw *w, const char *key, int32_t day);       /* YYYY-MM-DD */

#endif

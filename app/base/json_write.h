/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes JSON into a buf without building a tree. It adds commas and escapes; the caller is
 * responsible for correct nesting. key: a string literal that needs no escaping; NULL for array
 * elements and for the outermost value. "jw" means JSON writer; the prefix json_ belongs to json-c.
 */
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H

#include "app/base/buf.h"

struct jw {
    struct buf *out;
    bool comma; /* the next value is not the first in its object or array */
};

void jw_object(struct jw *w, const char *key);
void jw_object_end(struct jw *w);
void jw_array(struct jw *w, const char *key);
void jw_array_end(struct jw *w);
void jw_str(struct jw *w, const char *key, struct str value);
void jw_text(struct jw *w, const char *key, const char *value); /* NULL is written as null */
void jw_int(struct jw *w, const char *key, int64_t value);
void jw_number(struct jw *w, const char *key, double value); /* not finite: null */
void jw_bool(struct jw *w, const char *key, bool value);
void jw_null(struct jw *w, const char *key);
void jw_raw(struct jw *w, const char *key, struct str json);   /* valid JSON, copied unchanged */
void jw_time(struct jw *w, const char *key, int64_t epoch_ms); /* RFC 3339, UTC, ms, Z */
void jw_day(struct jw *w, const char *key, int32_t day);       /* YYYY-MM-DD */

#endif

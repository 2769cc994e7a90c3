/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes JSON straight into a buf: commas and escapes are its business, nesting is the caller's.
 * key is NULL for array elements and for the outermost value. jw = "JSON writer" (json-c owns the
 * json_ prefix). Keys are literals of ours and need no escaping. */
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H

#include "app/base/buf.h"

struct jw {
    struct buf *out;
    bool comma; /* a value stands before in the same object or array */
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
void jw_raw(struct jw *w, const char *key, struct str json);   /* a JSON text made before */
void jw_time(struct jw *w, const char *key, int64_t epoch_ms); /* RFC 3339, UTC, ms, Z */
void jw_day(struct jw *w, const char *key, int32_t day);       /* YYYY-MM-DD */

#endif

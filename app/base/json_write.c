/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes JSON. Everything is appended to a buf, whose `failed` stays set after an error, so no
 * function here returns an error. */
#include "app/base/json_write.h"

#include <math.h>

#include "app/base/clock.h"

/* Writes what comes before a value: a comma unless it is the first value in its object or array,
 * and the key unless it is NULL. Makes room once for all of it, because this is frequent. */
static void jw_begin(struct jw *w, const char *key)
{
    size_t n = key ? strlen(key) : 0;
    char *p;

    if (!buf_reserve(w->out, n + sizeof(",\"\":")))
        return;
    p = w->out->p + w->out->n;
    if (w->comma)
        *p++ = ',';
    w->comma = true;
    if (key) {
        *p++ = '"';
        p = (char *)mempcpy(p, key, n);
        *p++ = '"';
        *p++ = ':';
    }
    w->out->n = (size_t)(p - w->out->p);
}

/* Begins an object or array. Its first member or element has no comma before it. */
static void jw_open(struct jw *w, const char *key, char bracket)
{
    jw_begin(w, key);
    buf_char(w->out, bracket);
    w->comma = false;
}

/* Ends an object or array. It is a value itself, so the value after it needs a comma. */
static void jw_close(struct jw *w, char bracket)
{
    buf_char(w->out, bracket);
    w->comma = true;
}

void jw_object(struct jw *w, const char *key)
{
    jw_open(w, key, '{');
}

void jw_object_end(struct jw *w)
{
    jw_close(w, '}');
}

void jw_array(struct jw *w, const char *key)
{
    jw_open(w, key, '[');
}

void jw_array_end(struct jw *w)
{
    jw_close(w, ']');
}

void jw_str(struct jw *w, const char *key, struct str value)
{
    jw_begin(w, key);
    buf_json_string(w->out, value);
}

void jw_text(struct jw *w, const char *key, const char *value)
{
    if (value)
        jw_str(w, key, str_of(value));
    else
        jw_null(w, key);
}

void jw_int(struct jw *w, const char *key, int64_t value)
{
    jw_begin(w, key);
    buf_int(w->out, value);
}

/* Writes a number; NaN and infinity, which JSON does not have, are written as null. */
void jw_number(struct jw *w, const char *key, double value)
{
    if (!isfinite(value)) {
        jw_null(w, key);
        return;
    }
    jw_begin(w, key);
    buf_number(w->out, value);
}

void jw_bool(struct jw *w, const char *key, bool value)
{
    jw_raw(w, key, value ? STR("true") : STR("false"));
}

void jw_null(struct jw *w, const char *key)
{
    jw_raw(w, key, STR("null"));
}

/* The text json must be valid JSON: it is neither checked nor escaped. */
void jw_raw(struct jw *w, const char *key, struct str json)
{
    jw_begin(w, key);
    buf_str(w->out, json);
}

/* Writes the text `plain` in quotes. It must contain no characters that need escaping. */
static void jw_quoted(struct jw *w, const char *key, struct str plain)
{
    jw_begin(w, key);
    buf_char(w->out, '"');
    buf_str(w->out, plain);
    buf_char(w->out, '"');
}

void jw_time(struct jw *w, const char *key, int64_t epoch_ms)
{
    char text[TIME_TEXT_SIZE];

    time_print(epoch_ms, text);
    jw_quoted(w, key, (struct str){text, TIME_TEXT_SIZE - 1});
}

void jw_day(struct jw *w, const char *key, int32_t day)
{
    char text[DAY_TEXT_SIZE];

    day_print(day, text);
    jw_quoted(w, key, (struct str){text, DAY_TEXT_SIZE - 1});
}

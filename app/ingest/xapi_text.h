/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recognises the forms of texts in xAPI 1.0.3 (xAPI-Data.md). Only the syntax is checked, not
 * whether the named IRI or language exists. Each function returns true when the text has the
 * form. */
#ifndef INGEST_XAPI_TEXT_H
#define INGEST_XAPI_TEXT_H

#include "app/base/str.h"

bool xapi_is_hex(struct str text); /* one or more hexadecimal digits */
/* A scheme, a colon, and at least one more character. White space and the characters that IRIs
 * exclude are not allowed. */
bool xapi_is_iri(struct str text);
bool xapi_is_mailto(struct str text);   /* mailto:NAME@HOST */
bool xapi_is_uuid(struct str text);     /* a UUID of RFC 4122's variant */
bool xapi_is_language(struct str text); /* a language tag of RFC 5646 */
bool xapi_is_version(struct str text);  /* 1.0.PATCH or 2.0.PATCH, a whole number */

/* Parses a duration of ISO 8601: PnW, or PnYnMnDTnHnMnS with at least one component; only the last
 * one may have a fraction, after a point or comma. A year counts as 365 days, a month as 30. The
 * result is cut to milliseconds. */
bool xapi_parse_duration(struct str text, double *ret_seconds);
/* Parses a date and time of ISO 8601 into milliseconds since the epoch: in the basic or extended
 * form; the date with the day of the month, of the year or of the week; the time of day down to
 * hours, minutes or seconds, the last of which may have a fraction. A time without a zone is UTC.
 */
bool xapi_parse_time(struct str text, int64_t *ret_ms);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts of the forms that xAPI 1.0.3 asks for (xAPI-Data.md), by bytes alone: nothing is looked up.
 */
#ifndef INGEST_XAPI_TEXT_H
#define INGEST_XAPI_TEXT_H

#include "app/base/str.h"

bool xapi_is_hex(struct str text); /* one digit at least */
/* A scheme, a colon, and something without white space or what no IRI may hold. */
bool xapi_is_iri(struct str text);
bool xapi_is_mailto(struct str text);
bool xapi_is_uuid(struct str text); /* the variant that of RFC 4122 */
bool xapi_is_language(struct str text);
bool xapi_is_version(struct str text); /* 1.0.x */

/* ISO 8601: PnW, or PnYnMnDTnHnMnS with at least one part and a fraction only in the last. Years
 * count 365 days, months 30. */
bool xapi_parse_duration(struct str text, double *ret_seconds);
/* With a zone, or without one: then UTC. */
bool xapi_parse_time(struct str text, int64_t *ret_ms);

#endif

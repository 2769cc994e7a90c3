/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forms of texts in xAPI 1.0.3 (xAPI-Data.md). Syntax only: whether an IRI exists, or a language,
 * is not looked up. */
#ifndef INGEST_XAPI_TEXT_H
#define INGEST_XAPI_TEXT_H

#include "app/base/str.h"

bool xapi_is_hex(struct str text); /* hexadecimal digits, at least one */
/* A scheme, a colon, and at least one more character; no white space, and none that IRIs exclude.
 */
bool xapi_is_iri(struct str text);
bool xapi_is_mailto(struct str text);
bool xapi_is_uuid(struct str text);     /* of the variant of RFC 4122 */
bool xapi_is_language(struct str text); /* a tag in the syntax of RFC 5646 */
bool xapi_is_version(struct str text);  /* 1.0.x */

/* ISO 8601: PnW, or PnYnMnDTnHnMnS with at least one component and a fraction only in the last. A
 * year is 365 days, a month 30. */
bool xapi_parse_duration(struct str text, double *ret_seconds);
/* RFC 3339; a time without a zone is UTC. *ret_ms: since the epoch. */
bool xapi_parse_time(struct str text, int64_t *ret_ms);

#endif

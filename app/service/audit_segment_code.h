/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bytes of a closed segment of the audit log (up to 256 records, packed together) before they
 * are compressed. They are as short as they can be: numbers instead of texts, each pseudonym once,
 * and what is alike in many records once (docs/audit.md, Segments). These functions only compute:
 * they use neither Redis nor the clock. */
#ifndef SERVICE_AUDIT_SEGMENT_CODE_H
#define SERVICE_AUDIT_SEGMENT_CODE_H

#include "app/service/audit_segment_text.h"

/* Returns the bytes of a segment in the arena; p is NULL when out of memory. The records must be in
 * the order of their ids, and have only values that a segment can have: audit_segment_pack prepares
 * them so. */
struct str audit_segment_encode(struct arena *arena, const struct audit_segment_text *segment);
/* Parses the bytes of a segment. The caller sets segment->link.last_id and n, which is > 0. The
 * other values are set here, but not link.total and the head, which the bytes do not have. False
 * when the bytes are not in this form, or when out of memory. */
bool audit_segment_decode(struct arena *arena, struct str bytes,
                          struct audit_segment_text *segment);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bytes of a closed segment of the audit log before they are compressed, as short as they can
 * be: numbers instead of texts, each pseudonym once, and what is alike in many records once
 * (docs/audit.md, Segments). These functions only compute: they use neither Redis nor the clock. */
#ifndef SERVICE_AUDIT_SEGMENT_CODE_H
#define SERVICE_AUDIT_SEGMENT_CODE_H

#include "app/service/audit_segment_text.h"

/* Returns the bytes of a segment in the arena; p is NULL when out of memory. The entries must be as
 * audit_segment_order and audit_segment_normalize leave them. */
struct str audit_segment_encode(struct arena *arena, const struct audit_segment_text *segment);
/* Reads the bytes. In: link.last_id, n > 0. Out: the other values but link.total and the head.
 * False when they are not in this form, or when out of memory. */
bool audit_segment_decode(struct arena *arena, struct str bytes,
                          struct audit_segment_text *segment);

#endif

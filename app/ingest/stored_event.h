/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A learning event as it is stored in a student's event log, where event_input_json has written it.
 */
#ifndef INGEST_STORED_EVENT_H
#define INGEST_STORED_EVENT_H

#include "app/service/explain.h"

/* Fills *ret from the JSON text of a stored event. Returns false, with *ret undefined, when it is
 * no JSON or breaks a rule for events, as an entry of an earlier version may. */
bool stored_event_read(struct str text, struct arena *arena, struct explain_event *ret);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The packed form of a learning event in a student's event log: the field "z" of an entry of the
 * stream {ss}:student:ID:events. (The field "e" of an entry is the event as JSON, the form of
 * 0.1.0; schema.h.)
 *
 *   byte 0     1: the version of this form, and of its dictionary
 *   bytes 1-2  the UTC day of the event (days since the epoch, little-endian), by which
 *              student_trim_entries.lua finds old events
 *   byte 3     offset in the JSON at which the member "student_id" was, which is left out; 255:
 *              nothing is left out
 *   the rest   the JSON, compressed (app/base/compress.h, DICTIONARY_EVENTS)
 *
 * An event of more than EVENT_PACK_MAX bytes is stored as JSON: a page of the event log is bounded
 * by bytes, and must be so after unpacking, too. */
#ifndef STORE_EVENT_PACK_H
#define STORE_EVENT_PACK_H

#include "app/base/arena.h"

enum { EVENT_PACK_MAX = 4096 };

/* Packs an event of the student, a JSON text of at most EVENT_PACK_MAX bytes. day: its UTC day
 * (days since 1970-01-01). The result is in the arena; its p is NULL when out of memory. */
struct str event_pack(struct arena *arena, struct str student, int32_t day, struct str json);
/* Unpacks an event of the student into *ret_json, the JSON text as it was packed. False when
 * `packed` has another form or is damaged, or when out of memory. */
bool event_unpack(struct arena *arena, struct str student, struct str packed, struct str *ret_json);

#endif

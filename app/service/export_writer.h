/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes the values of an export, one section after the other, in the canonical form of RFC 8785.
 * It depends neither on Redis nor on the kinds of records: export.c opens and closes the sections,
 * and the readers (export_reader.h) put values into the section that is open. */
#ifndef SERVICE_EXPORT_WRITER_H
#define SERVICE_EXPORT_WRITER_H

#include "app/base/json_write.h"
#include "app/base/problem.h"

struct export_writer {
    struct buf *out;     /* gets the document */
    struct arena *arena; /* memory for values while they are built; reset by the caller */
    size_t value_count;  /* number of values written in all sections, nulls not included */
    bool is_list;        /* the open section is a list, not one value */
    bool comma;          /* the open section has an element, so the next one needs a comma */
    struct buf text;     /* text of the value that export_value_begin has begun */
    struct jw value;     /* writes to `text` */
};

/* Begins a section, which is a member of `data`: a list of values, or one value. */
void export_section_begin(struct export_writer *writer, const char *name, bool is_list);
/* Ends the section, after its last value. */
void export_section_end(struct export_writer *writer);

/* Writes a JSON text as the value of the open section, or as the next element of its list. Sets the
 * problem INTERNAL_ERROR when the text is no JSON, or its p is NULL. */
void export_put_json(struct export_writer *writer, struct str json, struct problem *p);
/* Writes null as the value of the open section, which is no list. null means that the student has
 * no such record. */
void export_put_null(struct export_writer *writer);
/* Begins a value that is written piece by piece to the returned JSON writer. Only one value can be
 * begun at a time. */
struct jw *export_value_begin(struct export_writer *writer);
/* Ends the value that export_value_begin has begun: writes it like export_put_json, which sets the
 * problem INTERNAL_ERROR when the text is no JSON, or memory was missing for it. */
void export_value_end(struct export_writer *writer, struct problem *p);

#endif

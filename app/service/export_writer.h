/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes the values of an export, one section after the other, in the form of RFC 8785. It knows
 * neither Redis nor the kinds of records: export.c opens and closes the sections, the readers put
 * values into the one that is open. */
#ifndef SERVICE_EXPORT_WRITER_H
#define SERVICE_EXPORT_WRITER_H

#include "app/base/json_write.h"
#include "app/base/problem.h"

struct export_writer {
    struct buf *out;     /* where the document goes */
    struct arena *arena; /* memory for values while they are built; reset by the owner */
    size_t value_count;  /* values and list elements so far, nulls not included */
    bool is_list;        /* the open section is a list */
    bool comma;          /* the open section has an element already */
    struct buf text;     /* the value between export_value_begin and export_value_end */
    struct jw value;
};

/* A section is a member of `data`: a list of values, or one value. */
void export_section_begin(struct export_writer *w, const char *name, bool is_list);
void export_section_end(struct export_writer *w);

/* Puts a JSON text as the section's value, or as its next element. INTERNAL_ERROR when the text is
 * no JSON, or its p is NULL. */
void export_put_json(struct export_writer *w, struct str json, struct problem *p);
/* Puts null as the value of a section that is no list: the student has no such record. */
void export_put_null(struct export_writer *w);
/* The same as export_put_json, for a value that is written piece by piece. One at a time. */
struct jw *export_value_begin(struct export_writer *w);
void export_value_end(struct export_writer *w, struct problem *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The export of a student (GDPR Article 20; docs/privacy.md, Export): all records of the student as
 * one JSON document. Its member `data` has a section for each exported kind of record in the table
 * of store/keys.h, and sections that are derived from several kinds. `data` is in the canonical
 * form of RFC 8785; the document's last member is the SHA-256 of the bytes of `data`. Sections are
 * read and written page by page, so that the memory needed does not grow with the number of
 * records. Only the ids of events that the worker has not processed yet, and the student's newest
 * audit records (those of the open segment), stay in memory. */
#ifndef SERVICE_EXPORT_H
#define SERVICE_EXPORT_H

#include "app/base/digest.h"
#include "app/http/route.h"
#include "app/service/export_reader.h"

enum { EXPORT_SECTIONS_MAX = 32 }; /* largest number of sections */

struct export
{
    /* in: set by the caller */
    const struct engine *engine;
    struct str student, exported_by; /* id of the student, id of the user who requests the export */
    int64_t now_ms;
    const struct student_kind *kinds; /* the table student_kinds; a test may pass another one */
    size_t kind_count;                /* number of rows of `kinds` */
    struct buf *out;     /* gets the document; the caller may send and empty it between the steps */
    struct arena *arena; /* memory that lives as long as the export */
    struct arena *reply_arena; /* memory of one step's commands and values; reset by each step */
    /* internal to the implementation: callers do not use them */
    struct export_read read;
    struct export_section sections[EXPORT_SECTIONS_MAX];
    size_t section_count, section_index; /* number of sections; index of the current one */
    bool started;                        /* the first step has run */
    bool in_section;                     /* the current section has been opened */
    struct digest digest;                /* SHA-256 of the part of `data` that has been written */
};

/* Runs the next step of the export. Call with the internal fields zeroed, then again after
 * each pipeline until STEP_DONE, which is also returned after a problem. The pipeline must use
 * reply_arena, and nothing else may use it. Problems: NOT_FOUND when the student has no records,
 * SERVICE_UNAVAILABLE, INTERNAL_ERROR. After a problem the caller must discard the document. */
enum step export_step(struct export *export, struct pipeline *pipeline, struct problem *p);

#endif

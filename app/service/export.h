/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The export of a student (GDPR Article 20, docs/privacy.md, Export): all records as one JSON
 * document, with a section for each exported kind in the table of store/keys.h and for what is
 * derived from several kinds. `data` is in the form of RFC 8785, so that the SHA-256 that follows
 * it is the digest of those very bytes. Sections are read and written page by page: the memory
 * needed does not grow with the number of records. */
#ifndef SERVICE_EXPORT_H
#define SERVICE_EXPORT_H

#include "app/base/digest.h"
#include "app/http/route.h"
#include "app/service/export_reader.h"

enum { EXPORT_SECTIONS_MAX = 32 };

struct export
{
    /* in */
    const struct engine *engine;
    struct str student, exported_by;
    int64_t now_ms;
    const struct student_kind *kinds; /* student_kinds */
    size_t kind_count;
    struct buf *out; /* the document so far; the caller may send and empty it between the steps */
    struct arena *reply_arena; /* for commands and what is made of replies; reset by each step */
    /* own */
    struct export_read read;
    struct export_section sections[EXPORT_SECTIONS_MAX];
    size_t section_count, section_index;
    bool started, in_section;
    struct digest digest; /* of `data` so far */
};

/* Call with its own fields zeroed; again after each step until STEP_DONE. pipeline: of reply_arena,
 * which nothing else may use. Problems: NOT_FOUND when the student has no records,
 * SERVICE_UNAVAILABLE, INTERNAL_ERROR; the document is then to be discarded. */
enum step export_step(struct export *e, struct pipeline *pipeline, struct problem *p);

#endif

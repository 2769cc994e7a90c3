/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All that is kept of a student, as one JSON document: a section for each kind of records in the
 * table of store/keys.h that is exported, and what is told from them. `data` is in the form of RFC
 * 8785 as it is printed, so that its SHA-256, which follows it, is the digest of those very bytes.
 * Read and written piece by piece: what it takes does not grow with what there is. */
#ifndef SERVICE_EXPORT_H
#define SERVICE_EXPORT_H

#include "app/base/digest.h"
#include "app/http/route.h"
#include "app/service/engine.h"
#include "app/store/keys.h"
#include "app/store/stream.h"

enum { EXPORT_SECTIONS_MAX = 32, EXPORT_PAGE = 500 };

struct export;

/* How a section is read and written. take writes what the answer holds, by the functions below, and
 * sets e->more when there is more to ask for. */
struct export_reader {
    bool is_list; /* elements, in as many rounds as it takes; else one value */
    void (*queue_commands)(struct export *e, struct pipeline *pipeline);
    void (*write_replies)(struct export *e, struct problem *p);
};

struct export_section {
    const char *name;
    const struct export_reader *reader;
    const struct student_kind *kind; /* NULL: told from others */
};

struct export
{
    /* in */
    const struct engine *engine;
    struct str student, exported_by;
    int64_t now_ms;
    const struct student_kind *kinds; /* student_kinds */
    size_t kind_count;
    struct buf *out; /* what is ready; whoever sends it on empties it between the calls */
    /* for readers */
    struct arena
        *reply_arena; /* of the asks and what is made of their replies: gone after each round */
    const struct export_section *section;
    struct command *cmd, *second_cmd;
    char cursor[STREAM_ID_SIZE + 1]; /* where the next round goes on; empty at first */
    bool has_more;
    /* own */
    struct export_section sections[EXPORT_SECTIONS_MAX];
    size_t section_count, section_index;
    size_t value_count; /* values and elements that are there */
    bool started, in_section, comma;
    struct digest digest;
};

/* Call with its own fields zeroed; again after each round until STEP_DONE. asks: of an arena that
 * is emptied on every call, and that is e->page. Problems: NOT_FOUND when there is nothing,
 * SERVICE_UNAVAILABLE, INTERNAL_ERROR; what has been written is then of no use. */
enum step export_step(struct export *e, struct pipeline *pipeline, struct problem *p);

/* ---- for readers ---- */

/* JSON text as the value, or as the next element, of the section. */
void export_write_value(struct export *e, struct str json, struct problem *p);
void export_write_null(struct export *e); /* the value: there is none */
/* The reader of a kind, and of what is told from others: export_readers.c. */
const struct export_reader *export_reader_of(const struct student_kind *kind);
extern const struct export_section export_derived[];
extern const size_t export_derived_count;

#endif

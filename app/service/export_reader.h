/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a section of the export gets its values out of Redis. export.c calls the readers; a reader
 * calls only the writer. export_by_type.c has the readers that suit any kind of record,
 * export_readers.c those that know what a record means. */
#ifndef SERVICE_EXPORT_READER_H
#define SERVICE_EXPORT_READER_H

#include "app/service/engine.h"
#include "app/service/export_writer.h"
#include "app/store/keys.h"
#include "app/store/stream.h"

enum { EXPORT_PAGE = 500 }; /* stream entries of one step */

/* What the reader of the open section works on. */
struct export_read {
    const struct engine *engine;
    struct str student;
    int64_t now_ms;
    const struct student_kind *kind; /* NULL: the section is derived from other records */
    struct export_writer writer;
    struct command *cmd, *second_cmd; /* of the latest step; NULL: not queued */
    char cursor[STREAM_ID_SIZE + 1];  /* where the next page begins; empty: at the start */
    bool has_more;                    /* set by write_replies: another step is needed */
};

struct export_reader {
    bool is_list; /* the section is a list, read in as many steps as needed; else one value */
    void (*queue_commands)(struct export_read *r, struct pipeline *pipeline);
    void (*write_replies)(struct export_read *r, struct problem *p);
};

struct export_section {
    const char *name;
    const struct export_reader *reader;
    const struct student_kind *kind; /* NULL: derived from other records */
};

/* The reader of a kind: the one made for it, else the one for its Redis type. */
const struct export_reader *export_reader_of(const struct student_kind *kind);
/* The sections that are derived from several kinds of records. */
extern const struct export_section export_derived[];
extern const size_t export_derived_count;

/* ---- export_by_type.c: for all readers ---- */

const struct export_reader *export_reader_by_type(const struct student_kind *kind);
/* GET of the kind's key. */
void export_queue_get(struct export_read *r, struct pipeline *pipeline);
/* The next EXPORT_PAGE entries of the kind's stream. */
void export_queue_page(struct export_read *r, struct pipeline *pipeline);
typedef void export_entry_writer(struct export_read *r, const struct stream_entry *entry,
                                 struct problem *p);
/* Has each entry of the page written, and moves the cursor behind the last one. */
void export_write_page(struct export_read *r, export_entry_writer *write, struct problem *p);

#endif

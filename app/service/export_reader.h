/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Readers: each reads the values of a section of the export from Redis, and passes them to the
 * export's writer. export.c calls the readers. export_by_type.c has a reader for each Redis type,
 * which suits any kind of record. export_readers.c has the readers that know what a record means.
 */
#ifndef SERVICE_EXPORT_READER_H
#define SERVICE_EXPORT_READER_H

#include "app/service/engine.h"
#include "app/service/event_log.h"
#include "app/service/export_writer.h"
#include "app/store/keys.h"
#include "app/store/stream.h"

enum {
    EXPORT_PAGE = 500,   /* stream entries that one step reads */
    EXPORT_IDS = 8,      /* records in other places that one step reads, by their ids in an index */
    EXPORT_ID_SIZE = 64, /* bytes of the id of one of these records, with the NUL */
};

/* What a reader needs while its section is written. */
struct export_read {
    const struct engine *engine;
    struct str student;
    int64_t now_ms;
    const struct student_kind *kind; /* kind of the section's records; NULL: derived from others */
    struct export_writer writer;
    struct command *cmd;        /* the reader's command in the last step; NULL: none queued */
    struct command *second_cmd; /* another command of the reader in the last step, or NULL */
    int phase; /* audit records: which place is read now (enum in export_audit.c) */
    /* where the next page begins: id of the last entry that was read, or the cursor of a scan;
     * empty: at the start */
    char cursor[STREAM_ID_SIZE + 1];
    bool has_more;                  /* write_replies sets it when another step is needed */
    struct event_log events;        /* progress of reading the events */
    char pseudonym[EXPORT_ID_SIZE]; /* the student's name in audit records; empty: not read yet */
    /* For records that an index of the student names (dead letters, batches; audit segments use
     * `ids` and id_count alone). A step either reads a page of ids from the index, after the entry
     * `cursor` or the first `offset` ones, or, when id_count is not 0, the records of the ids in
     * `ids`. */
    char ids[EXPORT_IDS][EXPORT_ID_SIZE];
    size_t id_count;
    int64_t offset;
    /* of the audit log */
    char segment[EXPORT_ID_SIZE]; /* id of the last closed segment that was read; empty: none yet */
    /* The document, while writer.out is `open_text` instead, which gets the records of the open
     * segment (the newest, not packed yet); otherwise NULL. */
    struct buf *document;
    struct buf open_text;
    bool open_comma; /* value of writer.comma before these records */
};

struct export_reader {
    bool is_list; /* true: the section is a list, read in any number of steps; false: one value */
    /* queues the reads of the next page; none: the section has no more data */
    void (*queue_commands)(struct export_read *read, struct pipeline *pipeline);
    /* writes the values in the replies to these reads, and sets read->has_more */
    void (*write_replies)(struct export_read *read, struct problem *p);
};

struct export_section {
    const char *name;
    const struct export_reader *reader;
    const struct student_kind *kind; /* kind of its records; NULL: derived from others */
};

/* Returns the reader of a kind of record: the one made for it, else the one for its Redis type. */
const struct export_reader *export_reader_of(const struct student_kind *kind);
/* The sections that are derived from several kinds of records. */
extern const struct export_section export_derived[];
extern const size_t export_derived_count;

/* export_audit.c: the audit records that are about the student, or have the student as actor. */
extern const struct export_reader export_audit_reader;

/* ---- export_by_type.c: for all readers ---- */

/* Returns the reader for the Redis type of a kind of record. */
const struct export_reader *export_reader_by_type(const struct student_kind *kind);
/* Queues a GET of the key of the section's kind. */
void export_queue_get(struct export_read *read, struct pipeline *pipeline);
/* Queues the read of the next EXPORT_PAGE entries of the stream of the section's kind. */
void export_queue_page(struct export_read *read, struct pipeline *pipeline);
/* Writes one stream entry as a value of the section. */
typedef void export_entry_writer(struct export_read *read, const struct stream_entry *entry,
                                 struct problem *p);
/* Calls `write` for each entry of the page, and moves the cursor to the last one. */
void export_write_page(struct export_read *read, export_entry_writer *write, struct problem *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The archive of the audit log: closed segments (up to 256 audit records, packed together) that
 * Redis need not keep, in files of the folder AUDIT_ARCHIVE_DIR (docs/audit.md, Archive). A file
 * has the segments of one shard and month (UTC, by the time of the last record) in their order, one
 * JSON object a line. Its name is SS-YYYY-MM.jsonl (SS: the shard's number in hex). A line has the
 * text of a segment (audit_segment_text.h). As this text names the head (HMAC) of the segment
 * before, the chain of segments goes on from file to file, and from there to Redis. */
#ifndef SERVICE_AUDIT_ARCHIVE_H
#define SERVICE_AUDIT_ARCHIVE_H

#include <stdio.h>

#include "app/service/audit_segment_text.h"

enum audit_archive_result {
    AUDIT_ARCHIVED,       /* all segments are on the disk */
    AUDIT_ARCHIVE_FAILED, /* some are not; errno says why */
    /* a file ends with a segment that is none of these and not an earlier one, or with a line that
     * is no segment */
    AUDIT_ARCHIVE_CONFLICT,
};
/* Appends the n segments of a shard, whose numbers are successive, to the files of their months,
 * and waits until they are on the disk (fsync). Segments that the files already have, because an
 * earlier run ended before Redis could forget them, are not written again. */
enum audit_archive_result audit_archive_append(const char *folder,
                                               const struct audit_segment_text *segments, size_t n,
                                               struct arena *arena);
/* Deletes the files whose month ended before before_ms (epoch ms). False: the folder cannot be
 * read, or a file cannot be deleted; errno says why. */
bool audit_archive_remove_old(const char *folder, int64_t before_ms);

/* Reads the segments of a shard, oldest first. */
struct audit_archive_reader {
    const char *folder;
    unsigned shard;
    struct str *names;   /* the shard's files, sorted */
    size_t name_n, next; /* number of files; index of the file to open next */
    FILE *file;          /* the file that is being read; NULL: none is open */
    char *line;          /* buffer of getline, owned */
    size_t size;         /* its size in bytes */
};

/* Opens the archive of the shard for reading. A folder without files is an empty archive. False:
 * the folder cannot be read, or out of memory; errno says which. Call audit_archive_close in any
 * case. arena: for the names of the files. */
bool audit_archive_open(struct audit_archive_reader *r, const char *folder, unsigned shard,
                        struct arena *arena);
/* Closes the open file and frees the buffer. */
void audit_archive_close(struct audit_archive_reader *r);
enum audit_archive_read {
    AUDIT_ARCHIVE_SEGMENT, /* a segment was read */
    AUDIT_ARCHIVE_END,     /* there are no more */
    AUDIT_ARCHIVE_BROKEN,  /* a line is no segment, or out of memory */
    AUDIT_ARCHIVE_ERROR,   /* a file cannot be read; errno says why */
};
/* Reads the next segment into *ret. *ret_text: the text of the segment as the file has it. The
 * caller must check that ret->link.head, which is also from the file, is the HMAC of this text. */
enum audit_archive_read audit_archive_next(struct audit_archive_reader *r, struct arena *arena,
                                           struct audit_segment_text *ret, struct str *ret_text);

#endif

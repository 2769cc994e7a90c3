/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The archive of the audit log: closed segments that Redis need not keep, in files of the folder
 * AUDIT_ARCHIVE_DIR (docs/audit.md, Archive). A file has the segments of one shard and month (UTC,
 * by the time of the last record), one JSON object a line, in their order: SS-YYYY-MM.jsonl. A line
 * has the text of a segment, of which its head is the HMAC, so the chain goes through files and
 * Redis alike. */
#ifndef SERVICE_AUDIT_ARCHIVE_H
#define SERVICE_AUDIT_ARCHIVE_H

#include <stdio.h>

#include "app/service/audit_segment_text.h"

enum audit_archive_result {
    AUDIT_ARCHIVED,         /* all are on the disk */
    AUDIT_ARCHIVE_FAILED,   /* not written; errno says why */
    AUDIT_ARCHIVE_CONFLICT, /* the file has another segment with the number of one of these */
};
/* Appends the segments of a shard, whose numbers are successive, to their files, and waits until
 * they are on the disk. What is in the files already, because an earlier run ended before Redis
 * could forget it, is not written again. Blocks. */
enum audit_archive_result audit_archive_append(const char *folder,
                                               const struct audit_segment_text *segments, size_t n,
                                               struct arena *arena);
/* Deletes the files whose month ended before before_ms (epoch ms). False with errno. */
bool audit_archive_remove_old(const char *folder, int64_t before_ms);

/* Reads the segments of a shard, oldest first. */
struct audit_archive_reader {
    const char *folder;
    unsigned shard;
    struct str *names; /* the shard's files, sorted */
    size_t name_n, next;
    FILE *file; /* the open one; NULL: none */
    char *line; /* owned */
    size_t size;
};

/* Opens the archive of the shard. A folder without files is an empty archive. False with errno.
 * audit_archive_close is due in any case. arena: for the names. */
bool audit_archive_open(struct audit_archive_reader *r, const char *folder, unsigned shard,
                        struct arena *arena);
void audit_archive_close(struct audit_archive_reader *r);
enum audit_archive_read {
    AUDIT_ARCHIVE_SEGMENT,
    AUDIT_ARCHIVE_END,
    AUDIT_ARCHIVE_BROKEN, /* a line is no segment */
    AUDIT_ARCHIVE_ERROR,  /* a file cannot be read: errno */
};
/* Reads the next segment. *ret_text: its text as the file has it, of which the head is to be
 * checked. */
enum audit_archive_read audit_archive_next(struct audit_archive_reader *r, struct arena *arena,
                                           struct audit_segment_text *ret, struct str *ret_text);

#endif

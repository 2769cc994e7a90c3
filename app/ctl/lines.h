/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads text files line by line. A byte order mark at the beginning, which Windows programs write,
 * is skipped; lines end with LF or CRLF; the last one may have no end. */
#ifndef CTL_LINES_H
#define CTL_LINES_H

#include <stdio.h>
#include <sys/types.h>

#include "app/base/str.h"

struct line_reader {
    FILE *in;       /* NULL after a failed lines_open */
    bool is_stdin;  /* reads standard input, which has no position and is not closed */
    off_t offset;   /* where the next line begins, in bytes */
    int64_t number; /* number of the last line, from 1; 0: none has been read */
};

/* Opens a file, or standard input for "-". False with errno. lines_close is due in any case. */
bool lines_open(struct line_reader *reader, const char *path);
/* Closes the file; standard input stays open. May be called after a failed lines_open. */
void lines_close(struct line_reader *reader);
/* Reads the next line into *line, whose memory of *size bytes is grown by realloc and freed by the
 * caller. *ret is the line without spaces and line break at its ends; a NUL follows it. False at
 * the end, and when reading fails: ferror(reader->in) is then true, with errno. */
bool lines_next(struct line_reader *reader, char **line, size_t *size, struct str *ret);

/* Returns the text without the byte order mark of UTF-8, if it begins with one. */
struct str text_without_mark(struct str text);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads lines with getline, which has no limit of its own. */
#include "app/ctl/lines.h"

#include <stdlib.h>

struct str text_without_mark(struct str text)
{
    static const struct str byte_order_mark = STR_INIT("\xEF\xBB\xBF");

    if (!str_starts_with(text, byte_order_mark))
        return text;
    return (struct str){text.p + byte_order_mark.n, text.n - byte_order_mark.n};
}

bool lines_open(struct line_reader *reader, const char *path)
{
    *reader = (struct line_reader){.is_stdin = strcmp(path, "-") == 0};
    reader->in = reader->is_stdin ? stdin : fopen(path, "re");
    return reader->in != NULL;
}

void lines_close(struct line_reader *reader)
{
    if (reader->in && !reader->is_stdin)
        (void)fclose(reader->in); /* the result does not matter: the file was only read */
    reader->in = NULL;
}

bool lines_next(struct line_reader *reader, char **line, size_t *size, struct str *ret)
{
    ssize_t n = getline(line, size, reader->in);
    struct str text;

    if (n <= 0)
        return false;
    text = (struct str){*line, (size_t)n};
    if (reader->offset == 0)
        text = text_without_mark(text);
    reader->offset += n;
    reader->number++;
    *ret = str_trim(text);
    /* ends the trimmed text by a NUL: it is a part of *line, so this position is in *line too */
    (*line)[ret->p - *line + (ptrdiff_t)ret->n] = '\0';
    return true;
}

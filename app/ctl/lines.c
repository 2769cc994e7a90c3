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

bool lines_open(struct line_reader *r, const char *path)
{
    *r = (struct line_reader){.is_stdin = strcmp(path, "-") == 0};
    r->in = r->is_stdin ? stdin : fopen(path, "re");
    return r->in != NULL;
}

void lines_close(struct line_reader *r)
{
    if (r->in && !r->is_stdin)
        (void)fclose(r->in); /* was only read */
    r->in = NULL;
}

bool lines_next(struct line_reader *r, char **line, size_t *size, struct str *ret)
{
    ssize_t n = getline(line, size, r->in);
    struct str text;

    if (n <= 0)
        return false;
    text = (struct str){*line, (size_t)n};
    if (r->offset == 0)
        text = text_without_mark(text);
    r->offset += n;
    r->number++;
    *ret = str_trim(text);
    *(*line + (ret->p - *line) + ret->n) = '\0'; /* in the line, or in place of the NUL after it */
    return true;
}

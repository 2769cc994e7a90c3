/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets the findings of mastery-ctl doctor. When memory is exhausted their texts are empty. */
#include <stdarg.h>
#include <stdio.h>

#include "app/ctl/doctor.h"

/* Returns the text in the arena; control characters, which may come from a server or a file, are
 * replaced. */
__attribute__((format(printf, 2, 0))) static struct str
finding_text(struct doctor *d, const char *format, va_list args)
{
    char text[1000];
    struct str copy;

    (void)vsnprintf(text, sizeof(text), format, args);
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7F)
            *p = ' ';
    }
    copy = arena_copy(d->arena, str_of(text));
    return copy.p ? copy : STR("");
}

void doctor_ok(struct doctor *d, struct doctor_finding *f, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    *f = (struct doctor_finding){DOCTOR_OK, finding_text(d, format, args), STR("")};
    va_end(args);
}

void doctor_skip(struct doctor_finding *f, const char *why)
{
    *f = (struct doctor_finding){DOCTOR_SKIPPED, str_of(why), STR("")};
}

void doctor_trouble(struct doctor *d, struct doctor_finding *f, enum doctor_state state,
                    const char *advice, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    *f = (struct doctor_finding){state, finding_text(d, format, args), str_of(advice)};
    va_end(args);
}

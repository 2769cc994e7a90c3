/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets the findings of mastery-ctl doctor. When memory is exhausted their texts are empty. */
#include <stdarg.h>
#include <stdio.h>

#include "app/ctl/doctor.h"

/* Formats like vprintf, and returns the text in the arena, cut to 999 bytes. Control characters,
 * which may come from a server or a file, become spaces. Empty when out of memory. */
__attribute__((format(printf, 2, 0))) static struct str
finding_text(struct doctor *doctor, const char *format, va_list args)
{
    char text[1000];
    struct str copy;

    (void)vsnprintf(text, sizeof(text), format, args);
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7F)
            *p = ' ';
    }
    copy = arena_copy(doctor->arena, str_of(text));
    return copy.p ? copy : STR("");
}

void doctor_ok(struct doctor *doctor, struct doctor_finding *finding, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    *finding = (struct doctor_finding){DOCTOR_OK, finding_text(doctor, format, args), STR("")};
    va_end(args);
}

void doctor_skip(struct doctor_finding *finding, const char *why)
{
    *finding = (struct doctor_finding){DOCTOR_SKIPPED, str_of(why), STR("")};
}

void doctor_trouble(struct doctor *doctor, struct doctor_finding *finding, enum doctor_state state,
                    const char *advice, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    *finding = (struct doctor_finding){state, finding_text(doctor, format, args), str_of(advice)};
    va_end(args);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fills problems. The first problem is kept: later ones are usually its consequences. */
#include "app/base/problem.h"

#include <stdarg.h>
#include <stdio.h>

/* Name, HTTP status and default message of each code, indexed by enum problem_code. */
static const struct {
    const char *name;
    int status;
    const char *message;
} codes[PROBLEM_CODES] = {
    [PROBLEM_NONE] = {"NONE", 200, ""},
#define PROBLEM(code, status, text) [PROBLEM_##code] = {#code, status, text},
#include "app/base/problem.def"
#undef PROBLEM
};

/* Does nothing when p holds a problem already. A message longer than p->message is cut. */
void problem_set(struct problem *p, enum problem_code code, const char *format, ...)
{
    va_list args;

    if (p->code != PROBLEM_NONE)
        return;
    p->code = code;
    if (!format) {
        (void)snprintf(p->message, sizeof(p->message), "%s", codes[code].message);
        return;
    }
    va_start(args, format);
    (void)vsnprintf(p->message, sizeof(p->message), format, args);
    va_end(args);
}

void problem_reason(struct problem *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(p->reason, sizeof(p->reason), format, args);
    va_end(args);
}

/* Appends the error at the end of the list, so that clients see the errors in the order of the
 * checks. When out of memory the error is counted but not stored. */
void problem_field(struct problem *p, struct arena *arena, struct str field, const char *format,
                   ...)
{
    char message[sizeof(p->message)];
    struct field_error *error = arena_zalloc(arena, sizeof(*error));
    va_list args;

    problem_set(p, PROBLEM_VALIDATION_ERROR, NULL);
    p->field_count++; /* counted even if it cannot be stored */
    if (!error)
        return;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    error->field = arena_copy(arena, field);
    error->message = arena_copy(arena, str_of(message));
    if (!error->field.p || !error->message.p)
        return;
    if (!p->fields)
        p->fields_end = &p->fields;
    *p->fields_end = error;
    p->fields_end = &error->next;
}

void problem_unavailable(struct problem *p, int retry_after_s)
{
    if (p->code != PROBLEM_NONE)
        return;
    problem_set(p, PROBLEM_SERVICE_UNAVAILABLE, NULL);
    p->retry_after_s = retry_after_s;
}

void problem_busy(struct problem *p, int64_t wait_ms)
{
    if (p->code != PROBLEM_NONE)
        return;
    problem_set(p, PROBLEM_CONFLICT, "Another request is changing this: repeat this one later");
    p->retry_after_s = wait_ms > 1000 ? (int)((wait_ms + 999) / 1000) : 1;
}

int problem_status(enum problem_code code)
{
    return codes[code].status;
}

const char *problem_message(enum problem_code code)
{
    return codes[code].message;
}

const char *problem_name(enum problem_code code)
{
    return codes[code].name;
}

/* An error matches when its path is `field`, or begins with `field` followed by a member (".quiz")
 * or an index ("[3]"). So the field "weight" does not match an error of "weights". */
bool problem_has_field(const struct problem *p, struct str field)
{
    for (const struct field_error *error = p->fields; error; error = error->next) {
        if (str_starts_with(error->field, field) &&
            (error->field.n == field.n || error->field.p[field.n] == '.' ||
             error->field.p[field.n] == '['))
            return true;
    }
    return false;
}

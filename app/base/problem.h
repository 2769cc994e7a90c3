/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What went wrong, on its way up: filled where it happens, printed in one place
 * (app/http/problem_response for clients, the log for operators). Filling it allocates nothing but
 * field errors, and those are dropped, with a mark, when memory is short. */
#ifndef BASE_PROBLEM_H
#define BASE_PROBLEM_H

#include "app/base/arena.h"

enum problem_code {
    PROBLEM_NONE = 0,
#define PROBLEM(code, status, text) PROBLEM_##code,
#include "app/base/problem.def"
#undef PROBLEM
    PROBLEM_CODES
};

struct field_error {
    struct str field; /* path: components.quiz, student_ids[3] */
    struct str message;
    struct field_error *next;
};

struct problem {
    enum problem_code code; /* PROBLEM_NONE: nothing is wrong */
    char message[200];      /* for the client: no internals, no personal data */
    int retry_after_s;      /* 0: no Retry-After header */
    bool has_offset;        /* INVALID_JSON: where */
    size_t offset;
    bool has_credentials; /* AUTH_ERROR: credentials came and were refused */
    struct field_error *fields, **fields_end;
    size_t field_count; /* includes those that were dropped */
};

/* message NULL: the code's default. Keeps a problem that is there already: the first one counts. */
void problem_set(struct problem *p, enum problem_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds one field error, making p a VALIDATION_ERROR unless it is something else already. */
void problem_field(struct problem *p, struct arena *arena, struct str field, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));
/* Whether the field, or a part of it (weights.quiz of weights), has failed already. */
bool problem_has_field(const struct problem *p, struct str field);
void problem_unavailable(struct problem *p, int retry_after_s);
int problem_status(enum problem_code code);
const char *problem_name(enum problem_code code);
const char *problem_message(enum problem_code code); /* where nothing more is known */

#endif

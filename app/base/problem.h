/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An error, passed up from where it happens to where it is reported (app/http/problem_response for
 * clients, the log for operators). Initialise it with zeros. Only field errors need memory; without
 * memory they are counted but not stored, so errors can be reported in any case. */
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
    enum problem_code code; /* PROBLEM_NONE: no error */
    char message[200];      /* for the client: without internals and personal data */
    int retry_after_s;      /* 0: no Retry-After header */
    bool has_offset;        /* INVALID_JSON: offset is set */
    size_t offset;          /* byte of the body where the JSON is wrong */
    bool has_credentials;   /* AUTH_ERROR: credentials were sent and refused */
    struct field_error *fields, **fields_end;
    size_t field_count; /* also counts field errors that were not stored */
};

/* format NULL: the default message of the code. Does nothing when p holds a problem already. */
void problem_set(struct problem *p, enum problem_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds one field error, making p a VALIDATION_ERROR unless it is something else already. */
void problem_field(struct problem *p, struct arena *arena, struct str field, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));
/* Whether there is an error of this field or of a field inside it (weights.quiz in weights). */
bool problem_has_field(const struct problem *p, struct str field);
/* Sets SERVICE_UNAVAILABLE with a Retry-After, unless p holds a problem already. */
void problem_unavailable(struct problem *p, int retry_after_s);
int problem_status(enum problem_code code);          /* HTTP status */
const char *problem_name(enum problem_code code);    /* "VALIDATION_ERROR" */
const char *problem_message(enum problem_code code); /* default message */

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A problem is an error on its way from the function where it happens to the one that reports it
 * (app/http/problem_response for clients, the log for operators). A struct problem is initialised
 * with zeros. Only field errors need memory; when out of memory they are counted but not stored,
 * so a problem can be reported in any case. */
#ifndef BASE_PROBLEM_H
#define BASE_PROBLEM_H

#include "app/base/arena.h"

enum problem_code {
    PROBLEM_NONE = 0,
#define PROBLEM(code, status, text) PROBLEM_##code,
#include "app/base/problem.def"
#undef PROBLEM
    PROBLEM_CODES /* number of codes */
};

struct field_error {
    struct str field; /* path in the request, such as components.quiz or student_ids[3] */
    struct str message;
    struct field_error *next;
};

struct problem {
    enum problem_code code; /* PROBLEM_NONE: no error */
    char message[200];    /* the message for the client: it has no internals and no personal data */
    int retry_after_s;    /* seconds for the Retry-After header; 0: no such header */
    bool has_offset;      /* `offset` is set, which only INVALID_JSON has */
    size_t offset;        /* byte of the body where the JSON is wrong */
    bool has_credentials; /* for AUTH_ERROR: the request had credentials, which were refused */
    bool awaits_keys;     /* the credentials may be valid by keys that are being fetched */
    char reason[160];     /* why credentials were refused, for the log alone; may be empty */
    /* List of field errors, and the pointer at its end to which the next error is written; both
     * NULL while the list is empty. */
    struct field_error *fields, **fields_end;
    size_t field_count; /* number of field errors, including those not stored for lack of memory */
};

/* Sets code and message of p, unless p holds a problem already: the first one is kept. format
 * NULL: the default message of the code. */
void problem_set(struct problem *p, enum problem_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Sets the reason for the log, without personal data; a longer one is cut. */
void problem_reason(struct problem *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Adds an error of one field. Makes p a VALIDATION_ERROR, unless it holds another problem already.
 */
void problem_field(struct problem *p, struct arena *arena, struct str field, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));
/* Returns whether p has an error of this field or of a field inside it (weights.quiz is inside
 * weights). */
bool problem_has_field(const struct problem *p, struct str field);
/* Sets SERVICE_UNAVAILABLE with a Retry-After, unless p holds a problem already. */
void problem_unavailable(struct problem *p, int retry_after_s);
/* Sets CONFLICT, unless p holds a problem already: another request is changing the same thing, for
 * wait_ms milliseconds at most. Unlike other conflicts it passes, so it has a Retry-After. */
void problem_busy(struct problem *p, int64_t wait_ms);
int problem_status(enum problem_code code);          /* HTTP status */
const char *problem_name(enum problem_code code);    /* "VALIDATION_ERROR" */
const char *problem_message(enum problem_code code); /* default message */

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A field of a request or a response, as a row of a table. The rules of a route fill the handler's
 * typed input struct (validate.h) and are printed in the OpenAPI document; the rules of a response
 * are printed there too, and tests check responses against them. A table of rules ends with an
 * empty row. */
#ifndef HTTP_RULE_H
#define HTTP_RULE_H

#include <stddef.h>

#include "app/base/str.h"

/* The comment names the type of the member that the value is stored in. */
enum rule_type {
    RULE_END = 0,
    RULE_ID,       /* struct str: 1..64 of A-Z a-z 0-9 _ - */
    RULE_TEXT,     /* struct str: min..max code points, none of them U+0000; no <script */
    RULE_ENUM,     /* int: position in choices */
    RULE_BOOL,     /* bool */
    RULE_INT,      /* int64_t in [min, max]; 3.0 counts as 3 */
    RULE_NUMBER,   /* double in [min, max] */
    RULE_DAY,      /* int32_t: YYYY-MM-DD */
    RULE_TIME,     /* int64_t: RFC 3339, epoch ms */
    RULE_IDS,      /* struct str_list: min..max distinct ids */
    RULE_ENUM_SET, /* uint32_t: set of choices, bit per position */
    RULE_OBJECT, /* the struct that `fields` describes, embedded: their offsets start at `offset` */
    RULE_OBJECTS, /* struct rule_objects: min..max structs of `fields`, each item_size bytes */
    RULE_JSON,    /* struct json_object *: any value, unchecked */
    RULE_MAP,     /* responses only: object with any keys. Its values are objects of `fields`; if
                   * `fields` is one rule without a name, they are of that rule; NULL: numbers */
    RULE_NUMBERS, /* responses only: list of numbers in [min, max] */
};

enum rule_source { IN_BODY = 0, IN_PATH, IN_QUERY };

/* The kind of subject that an id, or each of a list of ids, names. The subject decides access, by
 * the route's kind of access, and is what the audit log records about a request
 * (pipeline/audit_hook.c); ids that are not marked are never recorded. */
enum rule_subject {
    SUBJECT_NONE = 0,
    SUBJECT_STUDENT, /* recorded as a pseudonym */
    SUBJECT_GROUP,   /* a cohort or batch: recorded as it is, since its id names no person */
};

struct rule_objects {
    void *v;
    size_t n;
};

struct rule {
    const char *name;
    enum rule_type type;
    enum rule_source source;
    enum rule_subject subject; /* of a RULE_ID or RULE_IDS */
    bool required;             /* an answer's field: always there */
    bool nullable;             /* null is the same as absent (answers: may be null) */
    double min, max;      /* of numbers, or of lengths; both 0: any finite number, any length */
    double default_value; /* value of an absent INT, NUMBER, BOOL or ENUM */
    const char *const *choices; /* NULL-terminated */
    const struct rule *fields;
    size_t item_size;
    size_t offset;  /* offset of the member that gets the value */
    size_t present; /* offset of a bool: a valid value was stored; 0: there is no such bool */
    const char *description; /* one line for the reader of the OpenAPI document */
};

#endif

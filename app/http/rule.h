/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A field of a request or an answer, as a row of a table. The rows of a route say what its handler
 * gets (validate.h fills the handler's typed struct from them) and what its page of the OpenAPI
 * document says; the rows of an answer say what clients may expect, and the tests hold answers
 * against them. A list of rows ends with an empty row. */
#ifndef HTTP_RULE_H
#define HTTP_RULE_H

#include <stddef.h>

#include "app/base/str.h"

enum rule_type {
    RULE_END = 0,
    RULE_ID,   /* struct str: 1..64 of A-Z a-z 0-9 _ - */
    RULE_TEXT, /* struct str: min..max characters (code points), any but U+0000; no markup (<script)
                */
    RULE_ENUM, /* int: position in choices */
    RULE_BOOL, /* bool */
    RULE_INT,  /* int64_t in [min, max]; 3.0 counts as 3 */
    RULE_NUMBER,   /* double in [min, max] */
    RULE_DAY,      /* int32_t: YYYY-MM-DD */
    RULE_TIME,     /* int64_t: RFC 3339, epoch ms */
    RULE_IDS,      /* struct str_list: min..max distinct ids */
    RULE_ENUM_SET, /* uint32_t: set of choices, bit per position */
    RULE_OBJECT,   /* the struct of `fields`, in place: offsets of `fields` count from `into` */
    RULE_OBJECTS,  /* struct rule_objects: min..max structs of `fields`, each item_size bytes */
    RULE_JSON,     /* struct json_object *: any value, not looked into */
    RULE_MAP,      /* answers only: object with any keys, values as `fields` (or numbers); one field
                    * without a name: values are what that row says */
    RULE_NUMBERS,  /* answers only: list of numbers in [min, max] */
};

enum rule_source { IN_BODY = 0, IN_PATH, IN_QUERY };

struct rule_objects {
    void *v;
    size_t n;
};

struct rule {
    const char *name;
    enum rule_type type;
    enum rule_source source;
    bool required;        /* an answer's field: always there */
    bool nullable;        /* null is the same as absent (answers: may be null) */
    double min, max;      /* of numbers, or of lengths; both 0: any finite number, any length */
    double default_value; /* value of an absent INT, NUMBER, BOOL, WORD */
    const char *const *choices; /* NULL-terminated */
    const struct rule *fields;
    size_t item_size;
    size_t offset;           /* offset of the member that gets the value */
    size_t present;          /* offset of a bool: it was there and is good; 0: nobody asks */
    const char *description; /* one line for the reader of the OpenAPI document */
};

#endif

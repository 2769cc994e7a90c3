/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A rule describes one field of a request or a response, as a row of a table: its name, type,
 * range, and where its value is stored. By the rules of a route, validate.h fills the typed input
 * struct of the route's handler. The rules of responses serve tests, which check responses against
 * them. The OpenAPI document is made from both. A table of rules ends with an empty row. */
#ifndef HTTP_RULE_H
#define HTTP_RULE_H

#include <stddef.h>

#include "app/base/str.h"

/* Each comment begins with the C type of the member that the value is stored in. */
enum rule_type {
    RULE_END = 0,
    RULE_ID,       /* struct str: valid by id_valid */
    RULE_TEXT,     /* struct str: min..max code points, none of them U+0000; no <script */
    RULE_ENUM,     /* int: position in choices */
    RULE_BOOL,     /* bool */
    RULE_INT,      /* int64_t in [min, max]; 3.0 counts as 3 */
    RULE_NUMBER,   /* double in [min, max] */
    RULE_DAY,      /* int32_t: YYYY-MM-DD */
    RULE_TIME,     /* int64_t: RFC 3339, epoch ms */
    RULE_IDS,      /* struct str_list: min..max distinct ids */
    RULE_ENUM_SET, /* uint32_t: set of choices; bit i is set when choices[i] was sent */
    RULE_OBJECT,   /* a struct in the input at `offset`, from which the offsets of `fields` count */
    RULE_OBJECTS,  /* struct rule_objects: min..max structs of `fields`, each item_size bytes */
    RULE_JSON,     /* struct json_object *: any value, unchecked */
    RULE_MAP,      /* responses only: object with any keys. Its values are objects of `fields`; if
                    * `fields` is one rule without a name, they are of that rule; NULL: numbers */
    RULE_NUMBERS,  /* responses only: list of numbers in [min, max] */
    RULE_TEXTS,    /* responses only: list of texts */
};

enum rule_source { IN_BODY = 0, IN_PATH, IN_QUERY };

/* What an id, or each id of a list, names: the subject is the student or group whose data the
 * request is about. The access right of a request depends on its subject, and the audit log records
 * it (pipeline/audit_hook.c). Ids of fields without a subject are never recorded. */
enum rule_subject {
    SUBJECT_NONE = 0,
    SUBJECT_STUDENT, /* a student; the audit log has a pseudonym (a random name) of it */
    SUBJECT_GROUP,   /* a cohort or batch; the audit log has its id, because it names no person */
};

/* The stored value of a RULE_OBJECTS. */
struct rule_objects {
    void *v;  /* array of n structs, whose type the rule's fields describe */
    size_t n; /* number of objects */
};

/* A named schema of the OpenAPI document: an object with the fields of one table or two. */
struct rule_form {
    const char *name;          /* name of the schema in the document, such as QuizCompletedData */
    const struct rule *fields; /* NULL: another part of the document has the schema of that name */
    /* further fields, each required only with the option (struct rule_option) that it belongs to;
     * NULL: none */
    const struct rule *more;
};

/* The forms that the value of a RULE_JSON may have. The handler itself checks the value by the
 * table of one form; this struct is for the OpenAPI document only. */
struct rule_forms {
    /* Field of the same object whose value selects the form, as event_type selects that of `data`.
     * It is a RULE_ENUM; a choice is one of its values. NULL: the value may have any form. */
    const char *by;
    /* With `by`, the document has a schema of the whole object for each choice. Its name is the
     * choice and this suffix: quiz.completed and Event give QuizCompletedEvent. */
    const char *suffix;
    /* The forms, ending with an empty one. With `by`: one form for each choice, in the order of the
     * choices. */
    const struct rule_form *v;
};

/* Fields of which a client sends some instead of others, such as `days`, or else `start_date` and
 * `end_date`: a group of two options. A client sends all fields of one option, and none of the
 * others; null counts as absent. */
struct rule_option {
    int group;  /* group that the field belongs to, numbered from 1 in each object; 0: none */
    int number; /* which of the group's options the field is part of, numbered from 1 */
    /* true: a client may also send no field of the group. Set in all fields of an option. */
    bool may_be_absent;
};

struct rule {
    const char *name;           /* name of the member or parameter; NULL: see RULE_MAP */
    enum rule_type type;        /* type of the value; RULE_END ends a table */
    enum rule_source source;    /* part of the request that holds the field */
    enum rule_subject subject;  /* what the ids of a RULE_ID or RULE_IDS name */
    bool required;              /* the field must be sent; in a response: it is always present */
    bool nullable;              /* null counts as absent; in a response: the value may be null */
    double min, max;            /* bounds of a number or a length; both 0: no bounds */
    double default_value;       /* value of an absent INT, NUMBER, BOOL or ENUM */
    const char *const *choices; /* allowed texts of a RULE_ENUM or RULE_ENUM_SET; ends with NULL */
    const struct rule *fields;  /* rules of the members of an object; NULL: not described */
    size_t item_size;           /* bytes of one struct of a RULE_OBJECTS */
    size_t offset;              /* offset of the member of the input struct that gets the value */
    size_t present; /* offset of a bool that is set when a valid value was stored; 0: none */
    const char *description;   /* description for the OpenAPI document, one line */
    struct rule_option option; /* set for a field that is sent instead of others; else zeroed */
    const char *schema;        /* name of the OpenAPI schema of `fields`; NULL: it has none */
    /* possible forms of the value of a RULE_JSON; NULL: any value */
    const struct rule_forms *forms;
    /* Value of the field in the examples of the OpenAPI document: the text itself, or JSON for any
     * other type. For a day or a time any text will do, because the example always shows today. In
     * an object with forms, * is replaced by the choice. NULL: the example leaves the field out or,
     * if it is required, has a value that fits its type. */
    const char *example;
};

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Splits and decodes the query of a URL: "days=7&name=a%20b"; + is a space. */
#ifndef HTTP_QUERY_H
#define HTTP_QUERY_H

#include "app/base/arena.h"

struct query_parameter {
    struct str name, value; /* decoded: UTF-8 without NUL; they live in the arena */
    bool malformed; /* could not be decoded: value is empty, and name too when it is at fault */
    struct query_parameter *next;
};

/* The parameters in their order, NULL when there are none. Empty pieces between two & are skipped.
 * False without memory. */
bool query_parse(struct str query, struct arena *arena, struct query_parameter **ret_first);

#endif

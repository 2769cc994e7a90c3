/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Splits and decodes the query of a URL, such as "days=7&name=a%20b". A + means a space. */
#ifndef HTTP_QUERY_H
#define HTTP_QUERY_H

#include "app/base/arena.h"

struct query_parameter {
    struct str name, value;       /* decoded texts in the arena: UTF-8 without NUL */
    bool malformed;               /* name or value could not be decoded; value is then empty */
    struct query_parameter *next; /* next parameter of the query; NULL: last */
};

/* Stores a list of the parameters in the order of the query; NULL when there are none. An
 * empty text between two & is skipped. Returns false when out of memory. */
bool query_parse(struct str query, struct arena *arena, struct query_parameter **ret_first);

#endif

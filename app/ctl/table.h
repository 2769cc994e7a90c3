/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints rows on standard output: on a terminal as a table with a heading and aligned columns, up
 * to TABLE_ROWS rows at a time; otherwise each as it is added, in a line with two spaces between
 * the fields. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include "app/base/str.h"

enum { TABLE_COLUMNS_MAX = 8, TABLE_ROWS = 200, TABLE_CELL_SIZE = 160 };

struct table {
    const char *const *heads; /* names of the columns; NULL at the end */
    bool aligned;             /* standard output is a terminal, and there is memory for the cells */
    int screen_width;         /* characters of a line of the terminal; 0: not known */
    size_t columns, n;        /* columns of the table; rows in `cells`, not printed yet */
    char (*cells)[TABLE_COLUMNS_MAX][TABLE_CELL_SIZE]; /* TABLE_ROWS rows; NULL: not aligned */
    bool has_heads;                                    /* the heading has been printed */
};

/* Begins a list. heads: the names of the columns, at most TABLE_COLUMNS_MAX, then NULL. When there
 * is no memory for the cells, each row is printed at once, without columns, even on a terminal. */
void table_begin(struct table *table, const char *const *heads);
/* Adds a row with as many fields as there are columns. On a terminal a field that is not the last
 * one is cut to TABLE_CELL_SIZE, and control characters are replaced. */
void table_row(struct table *table, const struct str *fields);
/* Prints the rows that are stored, and frees the memory. */
void table_end(struct table *table);

#endif

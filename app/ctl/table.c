/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Aligned rows are printed when TABLE_ROWS of them are complete, because the widths of the columns
 * depend on all of them. In a longer list each such block has its own widths. */
#include "app/ctl/table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/ctl/terminal.h"

void table_begin(struct table *table, const char *const *heads)
{
    *table = (struct table){.heads = heads, .screen_width = terminal_width()};
    while (heads[table->columns])
        table->columns++;
    assert(table->columns >= 1 && table->columns <= TABLE_COLUMNS_MAX);
    if (terminal_is_output())
        table->cells = calloc(TABLE_ROWS, sizeof(*table->cells));
    table->aligned = table->cells;
}

/* Returns the number of characters of UTF-8 text: bytes that do not continue a character. */
static int table_text_width(const char *text)
{
    int width = 0;

    for (; *text; text++) {
        if (((unsigned char)*text & 0xC0) != 0x80)
            width++;
    }
    return width;
}

/* Prints text, cut to `width` characters if that is not 0. A byte 10xxxxxx continues a character of
 * UTF-8 and is not counted. */
static void table_print_cut(const char *text, int width)
{
    int seen = 0;

    for (; *text; text++) {
        if (((unsigned char)*text & 0xC0) != 0x80)
            seen++;
        if (width > 0 && seen > width)
            return;
        (void)putchar(*text);
    }
}

/* Prints one line: all cells but the last padded to their widths, the last cut at the edge of the
 * screen. */
static void table_print_line(const struct table *table, const int *widths, const char *const *cells)
{
    int column = 0;

    for (size_t i = 0; i + 1 < table->columns; i++) {
        (void)printf("%s%*s", cells[i], widths[i] - table_text_width(cells[i]) + 2, "");
        column += widths[i] + 2;
    }
    table_print_cut(cells[table->columns - 1],
                    table->screen_width > column ? table->screen_width - column : 0);
    (void)putchar('\n');
}

/* Prints the rows that are stored, and the heading before the first ones. */
static void table_print_rows(struct table *table)
{
    const char *cells[TABLE_COLUMNS_MAX];
    int widths[TABLE_COLUMNS_MAX] = {0};

    assert(table->columns >= 1); /* table_begin has checked it */
    for (size_t column = 0; column < table->columns; column++) {
        widths[column] = table_text_width(table->heads[column]);
        for (size_t i = 0; i < table->n; i++) {
            int width = table_text_width(table->cells[i][column]);

            widths[column] = width > widths[column] ? width : widths[column];
        }
    }
    if (!table->has_heads && table->n > 0)
        table_print_line(table, widths, table->heads);
    table->has_heads = true;
    for (size_t i = 0; i < table->n; i++) {
        for (size_t column = 0; column < table->columns; column++)
            cells[column] = table->cells[i][column];
        table_print_line(table, widths, cells);
    }
    table->n = 0;
}

/* Replaces control characters, because those in stored texts must not reach the terminal. */
void table_row(struct table *table, const struct str *fields)
{
    if (!table->aligned) {
        for (size_t i = 0; i < table->columns; i++)
            (void)printf("%s%.*s", i > 0 ? "  " : "", STR_ARG(fields[i]));
        (void)putchar('\n');
        return;
    }
    for (size_t column = 0; column < table->columns; column++) {
        char *cell = table->cells[table->n][column];

        (void)snprintf(cell, TABLE_CELL_SIZE, "%.*s", STR_ARG(fields[column]));
        for (char *p = cell; *p; p++) {
            if ((unsigned char)*p < ' ' || *p == 0x7F)
                *p = '?';
        }
    }
    if (++table->n == TABLE_ROWS)
        table_print_rows(table);
}

void table_end(struct table *table)
{
    if (table->aligned)
        table_print_rows(table);
    free(table->cells);
    table->cells = NULL;
}

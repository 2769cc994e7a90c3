/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints the settings: their values, and the table of docs/configuration.md. No function prints a
 * secret. */
#include "app/base/config_row.h"
#include "app/base/number.h"

/* Prints a line NAME=value for each setting. Instead of a secret, prints (set) or (not set). */
void config_print(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        if (row->kind == KIND_INT) {
            (void)fprintf(out, "%s=%d\n", row->name,
                          *(const int *)config_member(config, row->member));
            continue;
        }
        if (row->kind == KIND_NUMBER) {
            char number[NUMBER_TEXT_MAX];

            number_print(*(const double *)config_member(config, row->member), number);
            (void)fprintf(out, "%s=%s\n", row->name, number);
            continue;
        }
        const char *text = config_text(config, row->member);
        bool is_set = text && *text;
        if (row->kind == KIND_SECRET)
            text = is_set ? "(set)" : "(not set)";
        (void)fprintf(out, "%s=%s\n", row->name, text ? text : "");
    }
}

void config_write_json(const struct config *config, struct jw *w)
{
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        const char *text;

        switch (row->kind) {
        case KIND_INT:
            jw_int(w, row->name, *(const int *)config_member(config, row->member));
            break;
        case KIND_NUMBER:
            jw_number(w, row->name, *(const double *)config_member(config, row->member));
            break;
        case KIND_SECRET:
            text = config_text(config, row->member);
            jw_bool(w, row->name, text && *text);
            break;
        case KIND_TEXT:
        case KIND_CHOICE:
            text = config_text(config, row->member);
            jw_text(w, row->name, text ? text : "");
            break;
        }
    }
}

/* Prints a description as a table cell. A | in it is escaped, because | separates the columns of a
 * Markdown table. */
static void print_description(FILE *out, const char *text)
{
    (void)fputs(" ", out);
    for (; *text; text++)
        (void)fprintf(out, "%s%c", *text == '|' ? "\\" : "", *text);
    (void)fputs(" |", out);
}

/* Prints the choices (separated by | in the row) as a cell of the Markdown table: `a`, `b`. */
static void print_choices(FILE *out, struct str choices)
{
    (void)fputs(" ", out);
    while (choices.n > 0) {
        struct str choice = str_cut(&choices, '|');
        (void)fprintf(out, "`%.*s`%s", STR_ARG(choice), choices.n > 0 ? ", " : "");
    }
    (void)fputs(" |", out);
}

/* Prints the range of a KIND_NUMBER as a cell of the Markdown table. */
static void print_range(FILE *out, const struct config_row *row)
{
    char least[NUMBER_TEXT_MAX], most[NUMBER_TEXT_MAX];

    number_print(row->number_min, least);
    number_print(row->number_max, most);
    (void)fprintf(out, " %s to %s |", least, most);
}

/* Prints the default value as a cell of the Markdown table, or "not set" for a secret and for an
 * empty text. */
static void print_default(FILE *out, const struct config_row *row)
{
    char number[NUMBER_TEXT_MAX];

    number_print(row->default_number, number);
    if (row->kind == KIND_INT)
        (void)fprintf(out, " `%d` |", row->default_int);
    else if (row->kind == KIND_NUMBER || (row->default_text && *row->default_text))
        (void)fprintf(out, " `%s` |", row->kind == KIND_NUMBER ? number : row->default_text);
    else
        (void)fputs(" not set |", out);
}

/* Prints one row of the Markdown table: name, allowed values, default, description. */
static void config_print_row(FILE *out, const struct config_row *row)
{
    (void)fprintf(out, "| `%s` |", row->name);
    switch (row->kind) {
    case KIND_TEXT: (void)fputs(" text |", out); break;
    case KIND_SECRET: (void)fprintf(out, " secret, or its file in `%s_FILE` |", row->name); break;
    case KIND_INT: (void)fprintf(out, " %d to %d |", row->min, row->max); break;
    case KIND_NUMBER: print_range(out, row); break;
    case KIND_CHOICE: print_choices(out, str_of(row->choices)); break;
    }
    print_default(out, row);
    print_description(out, row->description);
    (void)fputc('\n', out);
}

void config_print_markdown(FILE *out)
{
    (void)fputs("| Variable | Value | Default | Meaning |\n| --- | --- | --- | --- |\n", out);
    for (size_t i = 0; i < config_row_count; i++)
        config_print_row(out, &config_rows[i]);
}

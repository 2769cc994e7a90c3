/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Command-line options. A table has a row for each option. By the table, the command line is parsed
 * into a struct of settings, and the help is printed. Options have long names, which cannot be
 * abbreviated. --name VALUE and --name=VALUE mean the same. */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include <stdio.h>

#include "app/base/arena.h"

/* The type of an option's value, and the C type of its member in the settings. */
enum option_type {
    OPTION_FLAG,   /* bool, set to true; the option has no value */
    OPTION_TEXT,   /* const char * */
    OPTION_INT,    /* int64_t in [min, max] */
    OPTION_SHARE,  /* double in [0, 1] */
    OPTION_CHOICE, /* int: index of the value in the row's choices */
    OPTION_ID,     /* const char *, a valid id */
    OPTION_IDS,    /* struct str_list of valid ids; separated by commas, repeated, or both */
    OPTION_TEXTS,  /* struct str_list of any texts; the option is repeated */
    /* an argument without dashes: const char *, or int if the row has choices; the rows of this
     * type receive the operands in the order of the table */
    OPTION_OPERAND,
};

/* A row of the table; a row of zeros ends it. Help, man page and completion of the shells are made
 * from the rows. */
struct option_rule {
    /* name without the dashes; never NULL, although it is not shown for an operand */
    const char *name;
    const char *value_name; /* placeholder for the value, such as N; NULL for a flag. If it begins
                               with FILE, the shells complete names of files */
    const char *description;
    const char *const *choices; /* NULL-terminated values of OPTION_CHOICE; else NULL */
    enum option_type type;
    bool required;
    int64_t min, max; /* range of OPTION_INT */
    size_t offset;    /* offset of the value in the struct of settings, in bytes */
};

/* The row of --json, which each subcommand has; the settings have a member `json`. */
#define OPTION_JSON(settings)                                                                      \
    {                                                                                              \
        .name = "json", .type = OPTION_FLAG, .offset = offsetof(struct settings, json),            \
        .description = "print JSON"                                                                \
    }

enum { OPTION_RULES_MAX = 16 }; /* rows that a table may have */

enum options_result { OPTIONS_PARSED, OPTIONS_HELP, OPTIONS_INVALID };

/* Parses `count` arguments into the settings. Returns OPTIONS_HELP as soon as --help is found, and
 * OPTIONS_INVALID with the reason in ret_error at the first error. Texts are not copied, so the
 * arguments must live longer than the settings. rules is NULL for a command without options. */
enum options_result options_parse(const struct option_rule *rules, int count, char *const *argv,
                                  struct arena *arena, void *settings, char ret_error[200]);
/* Prints the end of a usage line, such as " [OPTION]... FILE": operands and required options are
 * shown by name. */
void options_print_usage(const struct option_rule *rules, FILE *out);
/* Returns whether the row is for an operand, an argument without dashes. */
bool option_is_operand(const struct option_rule *rule);
/* Prints the help of each option, --help last. */
void options_print_help(const struct option_rule *rules, FILE *out);

#endif

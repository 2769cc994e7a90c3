/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options of a command line as rows of a table, from which they are parsed and the help is
 * printed. Names are long and cannot be abbreviated; --name VALUE and --name=VALUE are the same. */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include <stdio.h>

#include "app/base/arena.h"

enum option_type {
    OPTION_FLAG,    /* bool; has no value */
    OPTION_TEXT,    /* const char * */
    OPTION_INT,     /* int64_t in [min, max] */
    OPTION_SHARE,   /* double in [0, 1] */
    OPTION_CHOICE,  /* int: index in choices */
    OPTION_ID,      /* const char *, a valid id */
    OPTION_IDS,     /* struct str_list of valid ids; separated by commas, repeated, or both */
    OPTION_OPERAND, /* an argument without dashes, as OPTION_TEXT or, with choices, OPTION_CHOICE;
                       several operands fill several rows in order */
};

struct option_rule {
    const char *name;       /* without the dashes; not shown for an operand, but not NULL */
    const char *value_name; /* placeholder for the value in the help: FILE, N */
    const char *description;
    const char *const *choices; /* ends with NULL */
    enum option_type type;
    bool required;
    int64_t min, max;
    size_t offset; /* of the value in the struct of settings */
};

enum { OPTION_RULES_MAX = 16 };

enum options_result { OPTIONS_PARSED, OPTIONS_HELP, OPTIONS_INVALID };

/* Parses argv into settings. OPTIONS_HELP as soon as --help is found; OPTIONS_INVALID with the
 * reason in ret_error. Texts are not copied: argv must outlive settings. rules: NULL for none. */
enum options_result options_parse(const struct option_rule *rules, int count, char *const *argv,
                                  struct arena *arena, void *settings, char ret_error[200]);
/* Prints " [OPTION]... FILE": required options and operands by name. */
void options_print_usage(const struct option_rule *rules, FILE *out);
/* Prints the help of each option, --help last. */
void options_print_help(const struct option_rule *rules, FILE *out);

#endif

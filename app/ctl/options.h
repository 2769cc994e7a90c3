/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Options of a command line as rows of a table: the same rows read them and explain them. Names
 * are long and never abbreviated; --name VALUE and --name=VALUE are the same. */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include <stdio.h>

#include "app/base/arena.h"

enum option_type {
    OPTION_FLAG,    /* bool; takes no value */
    OPTION_TEXT,    /* const char * */
    OPTION_INT,     /* int64_t in [min, max] */
    OPTION_SHARE,   /* double in [0, 1] */
    OPTION_CHOICE,  /* int: place of the word in choices */
    OPTION_ID,      /* const char *, a valid id */
    OPTION_IDS,     /* struct str_list of valid ids; parted by commas, repeated, or both */
    OPTION_OPERAND, /* as TEXT or, with choices, CHOICE: a word that belongs to no option; several
                       rows take several, in their order */
};

struct option_rule {
    const char *name;       /* without the dashes; of an operand: for nobody, but not NULL */
    const char *value_name; /* what stands for the value in the help */
    const char *description;
    const char *const *choices; /* ends with NULL */
    enum option_type type;
    bool required;
    int64_t min, max;
    size_t offset; /* offset in the settings */
};

enum { OPTION_RULES_MAX = 16 };

enum options_result { OPTIONS_PARSED, OPTIONS_HELP, OPTIONS_INVALID };

/* Reads words into settings; HELP as soon as --help stands among them. Texts are not copied. What
 * is wrong stands in ret_error then. rules may be NULL: no options. */
enum options_result options_parse(const struct option_rule *rules, int count, char *const *words,
                                  struct arena *arena, void *settings, char ret_error[200]);
/* " [OPTION]... FILE", as far as there are any. */
void options_print_usage(const struct option_rule *rules, FILE *out);
/* A line, or more, for each; --help comes last. */
void options_print_help(const struct option_rule *rules, FILE *out);

#endif

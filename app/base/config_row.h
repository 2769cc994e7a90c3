/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rows of config.def as a table, for config.c (loads) and config_print.c (prints). */
#ifndef BASE_CONFIG_ROW_H
#define BASE_CONFIG_ROW_H

#include "app/base/config.h"

enum config_kind { KIND_TEXT, KIND_SECRET, KIND_INT, KIND_NUMBER, KIND_CHOICE };

/* One setting: a row of config.def, with the place of its value in struct config. */
struct config_row {
    const char *name;
    /* Offsets in struct config: `member` of the value; for a KIND_SECRET also `file` of the path of
     * its file, and `past` of the value that it had before the last change. */
    size_t member, file, past;
    const char *default_text; /* default of a KIND_TEXT or KIND_CHOICE */
    const char *choices;      /* allowed values of a KIND_CHOICE, separated by | */
    const char *description;
    enum config_kind kind;
    int default_int, min, max;                     /* default and range of a KIND_INT */
    double default_number, number_min, number_max; /* default and range of a KIND_NUMBER */
};

extern const struct config_row config_rows[];
extern const size_t config_row_count;

/* config_member returns the address of the member at this offset of config; config_text returns the
 * text to which a text member at this offset points. */
static inline const void *config_member(const struct config *config, size_t offset)
{
    return (const char *)config + offset;
}

static inline const char *config_text(const struct config *config, size_t offset)
{
    return *(const char *const *)config_member(config, offset);
}

#endif

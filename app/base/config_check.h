/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checks of settings that config.c makes while it loads them, and what these checks and the
 * loading share. */
#ifndef BASE_CONFIG_CHECK_H
#define BASE_CONFIG_CHECK_H

#include "app/base/config_row.h"

/* What one run of config_load works on. */
struct config_loader {
    struct config *config;
    config_source *source;
    FILE *out;          /* where error messages are written */
    int errors;         /* number of errors so far */
    bool out_of_memory; /* a text could not be copied; its member is NULL */
};

/* Counts an error and writes it as "NAME: message". */
__attribute__((format(printf, 3, 4))) void config_fail(struct config_loader *loader,
                                                       const char *name, const char *format, ...);
/* Returns the value of an environment variable; NULL when it is not set or is empty. */
const char *config_variable(const struct config_loader *loader, const char *name);
/* Returns whether value is one of the choices, which are separated by |. */
bool config_is_choice(struct str choices, struct str value);
/* Refuses quotes around the value of one setting: of its variable and, for a secret, of NAME_FILE.
 */
void config_check_quotes(struct config_loader *loader, const struct config_row *row);
/* Makes the checks that concern several settings, and those that the type of a row cannot express.
 * All settings must have been loaded, and no text may be NULL for lack of memory. */
void config_check_together(struct config_loader *loader);

#endif

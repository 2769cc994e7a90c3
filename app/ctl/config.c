/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl config: prints the effective configuration with secrets masked, or the table of all
 * settings as Markdown, from which docs/configuration.md is made. */
#include "app/ctl/subcommand.h"

#include <stdio.h>
#include <unistd.h>

#include "app/service/catalogue.h"

struct config_settings {
    bool markdown;
};

/* Checks the catalogue of recommendations as the engine does at its start. False with the error on
 * standard error. A file that cannot be read is not checked: the configuration may be that of
 * another machine. */
static bool config_check_catalogue(const struct subcommand *command, const struct config *config,
                                   struct arena *arena)
{
    char error[CATALOGUE_ERROR_SIZE];

    if (access(config->recommendations_file, R_OK) != 0 ||
        catalogue_load(config->recommendations_file, arena, error))
        return true;
    subcommand_error(command, "RECOMMENDATIONS_FILE: %s", error);
    return false;
}

/* Prints the configuration or, with --markdown, the table of settings. config_release is called
 * also when the configuration is not valid, because parts of it may be loaded. */
static enum ctl_exit config_run(const struct subcommand *command, const void *settings,
                                struct arena *arena)
{
    const struct config_settings *s = settings;
    struct config config;
    bool valid;

    if (s->markdown) {
        config_print_markdown(stdout);
        return CTL_DONE;
    }
    valid =
        subcommand_load_config(command, &config) && config_check_catalogue(command, &config, arena);
    if (valid)
        config_print(&config, stdout);
    config_release(&config);
    return valid ? CTL_DONE : CTL_FAILED;
}

/* clang-format off */
static const struct option_rule config_options[] = {
    {.name = "markdown", .type = OPTION_FLAG, .offset = offsetof(struct config_settings, markdown),
     .description = "print the table of all settings instead; reads none"},
    {0},
};
/* clang-format on */

const struct subcommand config_subcommand = {
    .name = "config",
    .summary = "Prints the effective configuration, secrets masked",
    .description =
        "Lines of NAME=value; fails, with a line for each error, when a setting is not valid, or\n"
        "the catalogue of RECOMMENDATIONS_FILE, if this machine has it.\n",
    .options = config_options,
    .settings_size = sizeof(struct config_settings),
    .run = config_run,
};

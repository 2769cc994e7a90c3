/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl config: prints the effective configuration with secrets masked, or the table of all
 * settings as Markdown, from which docs/configuration.md is made. */
#include "app/ctl/subcommand.h"

#include <stdio.h>

struct config_settings {
    bool markdown;
};

/* Prints the configuration or, with --markdown, the table of settings. config_release is called
 * also when the configuration is not valid, because parts of it may be loaded. */
static enum ctl_exit config_run(const struct subcommand *command, const void *settings,
                                struct arena *arena)
{
    const struct config_settings *s = settings;
    struct config config;
    bool valid;

    (void)arena;
    if (s->markdown) {
        config_print_markdown(stdout);
        return CTL_DONE;
    }
    valid = subcommand_load_config(command, &config);
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
        "Lines of NAME=value; fails, with a line for each error, when a setting is not valid.\n",
    .options = config_options,
    .settings_size = sizeof(struct config_settings),
    .run = config_run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl config: prints the effective configuration with secrets masked, or the table of all
 * settings as Markdown, from which docs/configuration.md is made. */
#include "app/ctl/json_line.h"

#include <stdio.h>
#include <unistd.h>

#include "app/service/catalogue.h"

struct config_settings {
    bool markdown;
    bool json;
};

/* Checks the catalogue of recommendations as the engine does at its start. Returns false with the
 * error on standard error. A file that cannot be read is not checked, because the configuration may
 * be that of another machine. */
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

/* Prints the settings as one JSON object. */
static enum ctl_exit config_print_object(const struct subcommand *command,
                                         const struct config *config, struct arena *arena)
{
    struct json_line line;

    config_write_json(config, json_line_begin(&line, arena));
    return json_line_end(&line, command, CTL_DONE);
}

/* Prints the configuration or, with --markdown, the table of settings. config_release is called
 * even if the configuration is not valid, because a part of it may be loaded. */
static enum ctl_exit config_run(const struct subcommand *command, const void *settings,
                                struct arena *arena)
{
    const struct config_settings *s = settings;
    enum ctl_exit status = CTL_FAILED;
    struct config config;
    bool valid;

    if (s->markdown && s->json)
        return subcommand_usage_error(command, "--markdown and --json exclude each other");
    if (s->markdown) {
        config_print_markdown(stdout);
        return CTL_DONE;
    }
    valid =
        subcommand_load_config(command, &config) && config_check_catalogue(command, &config, arena);
    if (valid && s->json) {
        status = config_print_object(command, &config, arena);
    } else if (valid) {
        config_print(&config, stdout);
        status = CTL_DONE;
    }
    config_release(&config);
    return status;
}

/* clang-format off */
static const struct option_rule config_options[] = {
    {.name = "markdown", .type = OPTION_FLAG, .offset = offsetof(struct config_settings, markdown),
     .description = "print the table of all settings instead; reads none"},
    OPTION_JSON(config_settings),
    {0},
};
/* clang-format on */

const struct subcommand config_subcommand = {
    .name = "config",
    .summary = "Prints the effective configuration, secrets masked",
    .description =
        "Lines of NAME=value; fails, with a line for each error, when a setting is not valid, or\n"
        "the catalogue of RECOMMENDATIONS_FILE, if this machine has it.\n",
    .json = "an object of all settings by name; of secrets whether they are set",
    .options = config_options,
    .settings_size = sizeof(struct config_settings),
    .run = config_run,
};

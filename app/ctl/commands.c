/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of all subcommands, and the two subcommands that print it: mastery-ctl commands, for
 * people and programs, and mastery-ctl completion, for shells. */
#include <stdio.h>
#include <stdlib.h>

#include "app/ctl/completion.h"
#include "app/ctl/json_line.h"
#include "app/ctl/table.h"

/* ---- mastery-ctl commands ---- */

struct commands_settings {
    const char *mdoc; /* name of a subcommand, or "SYNOPSIS"; NULL: no output for the man page */
    bool json;
};

/* Writes one option or operand as an object. "value" is the placeholder of its value; null for a
 * flag. */
static void commands_write_rule(struct jw *w, const struct option_rule *rule)
{
    jw_object(w, NULL);
    jw_text(w, "name", rule->name);
    jw_bool(w, "operand", option_is_operand(rule));
    jw_text(w, "value", rule->type == OPTION_FLAG ? NULL : rule->value_name);
    jw_bool(w, "required", rule->required);
    jw_text(w, "description", rule->description);
    if (rule->choices) {
        jw_array(w, "choices");
        for (const char *const *choice = rule->choices; *choice; choice++)
            jw_text(w, NULL, *choice);
        jw_array_end(w);
    }
    jw_object_end(w);
}

/* Prints one subcommand with its options as a line of JSON. */
static enum ctl_exit commands_print_json(const struct subcommand *command,
                                         const struct subcommand *listed, struct arena *arena)
{
    struct json_line line;
    struct jw *w = json_line_begin(&line, arena);

    jw_text(w, "name", listed->name);
    jw_text(w, "summary", listed->summary);
    jw_text(w, "json", listed->json);
    jw_array(w, "options");
    for (const struct option_rule *rule = listed->options; rule->name; rule++)
        commands_write_rule(w, rule);
    jw_array_end(w);
    return json_line_end(&line, command, CTL_DONE);
}

/* Prints a piece of the man page: for "SYNOPSIS" the lines of all subcommands in that section, for
 * the name of a subcommand the list of its options. */
static enum ctl_exit commands_print_mdoc(const struct subcommand *command, const char *part)
{
    size_t count;
    const struct subcommand *const *table = subcommand_table(&count);

    if (strcmp(part, "SYNOPSIS") == 0) {
        completion_print_synopsis(stdout, table, count);
        return CTL_DONE;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i]->name, part) == 0) {
            completion_print_mdoc(stdout, table[i]);
            return CTL_DONE;
        }
    }
    return subcommand_usage_error(command, "--mdoc needs the name of a command, or SYNOPSIS");
}

/* Prints the table of all subcommands or, with --mdoc, a piece of the man page that is made from
 * it. */
static enum ctl_exit commands_run(const struct subcommand *command, const void *settings,
                                  struct arena *arena)
{
    static const char *const heads[] = {"COMMAND", "WHAT IT DOES", NULL};
    const struct commands_settings *s = settings;
    size_t count;
    const struct subcommand *const *table = subcommand_table(&count);
    enum ctl_exit status = CTL_DONE;
    struct table rows;

    if (s->mdoc)
        return s->json ? subcommand_usage_error(command, "--mdoc and --json exclude each other")
                       : commands_print_mdoc(command, s->mdoc);
    if (s->json) {
        for (size_t i = 0; i < count && status == CTL_DONE; i++)
            status = commands_print_json(command, table[i], arena);
        return status;
    }
    table_begin(&rows, heads);
    for (size_t i = 0; i < count; i++)
        table_row(&rows, (struct str[]){str_of(table[i]->name), str_of(table[i]->summary)});
    table_end(&rows);
    return CTL_DONE;
}

static const struct option_rule commands_options[] = {
    {.name = "mdoc",
     .value_name = "NAME",
     .type = OPTION_TEXT,
     .offset = offsetof(struct commands_settings, mdoc),
     .description = "print the options of command NAME for the man page, or its SYNOPSIS"},
    OPTION_JSON(commands_settings),
    {0},
};

static const struct subcommand commands_subcommand = {
    .name = "commands",
    .summary = "Prints the table of all commands",
    .description = "Reads no settings.\n",
    .json = "a line for each command: name, summary, json (what --json prints), and options, each "
            "with name, operand, value, required, description, choices",
    .options = commands_options,
    .settings_size = sizeof(struct commands_settings),
    .run = commands_run,
};

/* ---- mastery-ctl completion ---- */

enum shell { SHELL_BASH, SHELL_ZSH };
static const char *const shells[] = {"bash", "zsh", NULL};

struct completion_settings {
    int shell; /* enum shell: bash or zsh */
    bool json;
};

/* Prints the completion script for a shell to a stream. */
static void completion_print(FILE *out, enum shell shell)
{
    size_t count;
    const struct subcommand *const *table = subcommand_table(&count);

    if (shell == SHELL_BASH)
        completion_print_bash(out, table, count);
    else
        completion_print_zsh(out, table, count);
}

/* Prints the completion script. With --json it is a text in an object, so it is first made in
 * memory. */
static enum ctl_exit completion_run(const struct subcommand *command, const void *settings,
                                    struct arena *arena)
{
    const struct completion_settings *s = settings;
    enum ctl_exit status;
    struct json_line line;
    char *script = NULL;
    size_t n = 0;
    FILE *out;
    struct jw *w;

    if (!s->json) {
        completion_print(stdout, (enum shell)s->shell);
        return CTL_DONE;
    }
    out = open_memstream(&script, &n);
    if (!out)
        return CTL_FAILED;
    completion_print(out, (enum shell)s->shell);
    (void)fclose(out);
    w = json_line_begin(&line, arena);
    jw_text(w, "shell", shells[s->shell]);
    jw_text(w, "script", script);
    status = json_line_end(&line, command, CTL_DONE);
    free(script);
    return status;
}

static const struct option_rule completion_options[] = {
    {.name = "shell",
     .value_name = "SHELL",
     .type = OPTION_OPERAND,
     .choices = shells,
     .required = true,
     .offset = offsetof(struct completion_settings, shell),
     .description = "bash or zsh"},
    OPTION_JSON(completion_settings),
    {0},
};

static const struct subcommand completion_subcommand = {
    .name = "completion",
    .summary = "Prints a script with which a shell completes commands, options and values",
    .description = "The package installs both scripts. Elsewhere, for the present shell:\n"
                   "  bash: source <(mastery-ctl completion bash)\n"
                   "  zsh:  source <(mastery-ctl completion zsh)\n"
                   "Reads no settings.\n",
    .json = "an object: shell, script",
    .options = completion_options,
    .settings_size = sizeof(struct completion_settings),
    .run = completion_run,
};

/* ---- the table ---- */

/* clang-format off */
static const struct subcommand *const subcommands[] = {
    &doctor_subcommand,
    &top_subcommand,
    &health_subcommand,
    &verify_subcommand,
    &schema_subcommand,
    &migrate_subcommand,
    &config_subcommand,
    &token_subcommand,
    &seed_subcommand,
    &ingest_subcommand,
    &import_subcommand,
    &dead_letter_subcommand,
    &audit_subcommand,
    &batch_subcommand,
    &report_subcommand,
    &backtest_subcommand,
    &export_subcommand,
    &erase_subcommand,
    &log_hash_subcommand,
    &nginx_locations_subcommand,
    &dapr_operations_subcommand,
    &commands_subcommand,
    &completion_subcommand,
};
/* clang-format on */

const struct subcommand *const *subcommand_table(size_t *ret_count)
{
    *ret_count = sizeof(subcommands) / sizeof(subcommands[0]);
    return subcommands;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl: the operator's tool. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/base/version.h"
#include "app/ctl/subcommand.h"
#include "app/runtime/process.h"

enum { ARENA_FIRST = 64 << 10, ARENA_CAP = 512 << 20 };

/* clang-format off */
static const struct subcommand *const commands[] = {
    &token_subcommand,
    &health_subcommand,
    &verify_subcommand,
    &schema_subcommand,
    &seed_subcommand,
    &ingest_subcommand,
    &dead_letter_subcommand,
    &audit_subcommand,
    &batch_subcommand,
    &report_subcommand,
    &backtest_subcommand,
    &export_subcommand,
    &erase_subcommand,
    &log_hash_subcommand,
    &config_subcommand,
    &nginx_locations_subcommand,
};
/* clang-format on */

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_help(FILE *out)
{
    (void)fputs("Usage: mastery-ctl COMMAND [OPTION]...\n\n"
                "Looks after a Mastery Engine. Commands:\n\n",
                out);
    for (size_t i = 0; i < COMMANDS; i++)
        (void)fprintf(out, "  %-18s %s\n", commands[i]->name, commands[i]->summary);
    (void)fputs("\n  --help             print this and end; mastery-ctl COMMAND --help tells more\n"
                "  --version          print the version and end\n\n"
                "Settings come from the environment, as the engine's do: mastery-ctl config.\n"
                "Exit status: 0 done, 1 failed, 2 wrong usage, 3 store or service away.\n",
                out);
}

static void print_command_help(const struct subcommand *command, FILE *out)
{
    (void)fprintf(out, "Usage: mastery-ctl %s", command->name);
    options_print_usage(command->options, out);
    (void)fprintf(out, "\n\n%s.\n", command->summary);
    if (command->description)
        (void)fprintf(out, "%s", command->description);
    (void)fputc('\n', out);
    options_print_help(command->options, out);
}

static const struct subcommand *find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static enum ctl_exit run_with(const struct subcommand *command, int count, char *const *words,
                              struct arena *arena)
{
    void *settings = arena_zalloc(arena, command->settings_size);
    char error[200];

    if (!settings) {
        subcommand_error(command, "out of memory");
        return CTL_FAILED;
    }
    if (command->default_settings)
        memcpy(settings, command->default_settings, command->settings_size);
    switch (options_parse(command->options, count, words, arena, settings, error)) {
    case OPTIONS_HELP: print_command_help(command, stdout); return CTL_DONE;
    case OPTIONS_INVALID: return subcommand_usage_error(command, error);
    case OPTIONS_PARSED: break;
    }
    return command->run(command, settings, arena);
}

static enum ctl_exit run(const char *name, int count, char *const *words)
{
    const struct subcommand *command = find(name);
    struct arena *arena;
    enum ctl_exit status;

    if (!command) {
        (void)fprintf(stderr,
                      "mastery-ctl: there is no command %s\nmastery-ctl --help lists them\n", name);
        return CTL_USAGE;
    }
    arena = arena_new(ARENA_FIRST, ARENA_CAP);
    if (!arena) {
        subcommand_error(command, "out of memory");
        return CTL_FAILED;
    }
    status = run_with(command, count, words, arena);
    arena_free(arena);
    return status;
}

/* What could not be printed was not done: a full disk must not look like success. */
static int end(enum ctl_exit status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return (int)status;
    perror("mastery-ctl: standard output");
    return status == CTL_DONE ? (int)CTL_FAILED : (int)status;
}

int main(int argc, char **argv)
{
    process_disable_dumps(); /* it reads the same secrets as the engine */
    (void)signal(SIGPIPE,
                 SIG_IGN); /* a Redis or a gnuplot that goes away is an error, not the end */
    if (argc < 2) {
        print_help(stderr);
        return CTL_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0)
        print_help(stdout);
    else if (strcmp(argv[1], "--version") == 0)
        (void)printf("mastery-ctl %s (%s)\n", build_version, build_commit);
    else
        return end(run(argv[1], argc - 2, argv + 2));
    return end(CTL_DONE);
}

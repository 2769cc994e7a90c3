/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl, the operator's tool. This file finds the subcommand, parses its options, runs it and
 * makes the exit status of its result. Each subcommand has a file of its own. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/base/version.h"
#include "app/ctl/subcommand.h"
#include "app/runtime/process.h"

/* ARENA_FIRST, ARENA_CAP: size of the arena at first and at most, in bytes. LINE_WIDTH: characters
 * of a wrapped line. */
enum { ARENA_FIRST = 64 << 10, ARENA_CAP = 512 << 20, LINE_WIDTH = 90 };

/* Prints the help of mastery-ctl itself, with the summary of each subcommand. */
static void ctl_print_help(FILE *out)
{
    size_t count;
    const struct subcommand *const *table = subcommand_table(&count);

    (void)fputs("Usage: mastery-ctl COMMAND [OPTION]...\n\n"
                "Operates a Mastery Engine. Commands:\n\n",
                out);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(out, "  %-18s %s\n", table[i]->name, table[i]->summary);
    (void)fputs(
        "\n  --help             print this help and exit; see also mastery-ctl COMMAND --help\n"
        "  --version          print the version and exit\n\n"
        "Settings come from the environment, like the engine's; mastery-ctl config prints them.\n"
        "Exit status: 0 done, 1 failed, 2 wrong usage, 3 Redis or the service cannot be reached.\n",
        out);
}

/* Prints two texts after each other, with line breaks in place of spaces, so that no line is longer
 * than LINE_WIDTH. */
static void ctl_print_wrapped(FILE *out, const char *first, const char *second)
{
    int column = fprintf(out, "%s", first);
    struct str rest = str_of(second);

    while (rest.n > 0) {
        struct str word = str_cut(&rest, ' ');

        if (column + 1 + (int)word.n >= LINE_WIDTH) {
            (void)fputc('\n', out);
            column = 0;
        } else if (word.p > second) {
            (void)fputc(' ', out);
        }
        column += (int)word.n + 1;
        (void)fprintf(out, "%.*s", STR_ARG(word));
    }
}

/* Prints the help of one subcommand: usage line, summary, description, options. */
static void ctl_print_subcommand_help(const struct subcommand *command, FILE *out)
{
    (void)fprintf(out, "Usage: mastery-ctl %s", command->name);
    options_print_usage(command->options, out);
    (void)fprintf(out, "\n\n%s.\n", command->summary);
    if (command->description)
        (void)fputs(command->description, out);
    (void)fputc('\n', out);
    ctl_print_wrapped(out, "With --json prints ", command->json);
    (void)fputs(".\n\n", out);
    options_print_help(command->options, out);
}

/* Returns the subcommand of that name, NULL when there is none. */
static const struct subcommand *ctl_find(const char *name)
{
    size_t count;
    const struct subcommand *const *table = subcommand_table(&count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
    }
    return NULL;
}

/* Copies the subcommand's default settings, writes the values of the command line over the copy,
 * and runs the subcommand. argv has the arguments after the subcommand's name. */
static enum ctl_exit ctl_run_subcommand(const struct subcommand *command, int argc,
                                        char *const *argv, struct arena *arena)
{
    void *settings = arena_zalloc(arena, command->settings_size);
    char error[200];

    if (!settings) {
        subcommand_error(command, "out of memory");
        return CTL_FAILED;
    }
    if (command->default_settings)
        memcpy(settings, command->default_settings, command->settings_size);
    switch (options_parse(command->options, argc, argv, arena, settings, error)) {
    case OPTIONS_HELP: ctl_print_subcommand_help(command, stdout); return CTL_DONE;
    case OPTIONS_INVALID: return subcommand_usage_error(command, error);
    case OPTIONS_PARSED: break;
    }
    return command->run(command, settings, arena);
}

/* Runs the subcommand of that name with an arena of its own. */
static enum ctl_exit ctl_run(const char *name, int argc, char *const *argv)
{
    const struct subcommand *command = ctl_find(name);
    struct arena *arena;
    enum ctl_exit status;

    if (!command) {
        (void)fprintf(stderr, "mastery-ctl: unknown command %s\nSee mastery-ctl --help\n", name);
        return CTL_USAGE;
    }
    arena = arena_new(ARENA_FIRST, ARENA_CAP);
    if (!arena) {
        subcommand_error(command, "out of memory");
        return CTL_FAILED;
    }
    status = ctl_run_subcommand(command, argc, argv, arena);
    arena_free(arena);
    return status;
}

/* Returns the exit status of the program. A result that could not be written to standard output,
 * for example because a disk is full, changes CTL_DONE to CTL_FAILED. */
static int ctl_exit_status(enum ctl_exit status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return (int)status;
    perror("mastery-ctl: standard output");
    return status == CTL_DONE ? (int)CTL_FAILED : (int)status;
}

/* Runs the subcommand that the first argument names, with all further arguments. --help and
 * --version are options of mastery-ctl itself, but only as the first argument. Any other option
 * there, such as --foo, is reported as an unknown command. */
int main(int argc, char **argv)
{
    process_disable_dumps(); /* the environment has the engine's secrets */
    /* writing to a closed connection or pipe is then an error of write() and does not end the
     * process */
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        ctl_print_help(stderr);
        return CTL_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0)
        ctl_print_help(stdout);
    else if (strcmp(argv[1], "--version") == 0)
        (void)printf("mastery-ctl %s (%s)\n", build_version, build_commit);
    else
        return ctl_exit_status(ctl_run(argv[1], argc - 2, argv + 2));
    return ctl_exit_status(CTL_DONE);
}

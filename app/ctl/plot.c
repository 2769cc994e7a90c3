/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/ctl/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

static bool ends_with(struct str s, struct str end)
{
    return s.n > end.n && str_equal((struct str){s.p + s.n - end.n, end.n}, end);
}

/* NULL for a name that no terminal of gnuplot is for. */
static const char *terminal_of(struct str path)
{
    if (str_equal(path, STR("-")))
        return "dumb size 100, 32";
    if (ends_with(path, STR(".png")))
        return "pngcairo size 1000, 600";
    return ends_with(path, STR(".svg")) ? "svg size 1000, 600" : NULL;
}

/* Starts gnuplot with fd as its standard input; 0, or what is wrong as an errno. */
static int spawn(int fd, pid_t *ret_pid)
{
    static char name[] = "gnuplot", quiet[] = "-d";
    char *const words[] = {name, quiet, NULL}; /* -d: without the user's own settings */
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0)
        return error;
    error = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
    if (error == 0)
        error = posix_spawnp(ret_pid, name, &actions, NULL, words, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return error;
}

static int start(struct plot *ret)
{
    int ends[2], error;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    error = spawn(ends[0], &ret->pid);
    (void)close(ends[0]);
    if (error == 0)
        ret->out = fdopen(ends[1], "w");
    if (error == 0 && ret->out)
        return 0;
    (void)close(ends[1]);
    return error != 0 ? error : errno;
}

/* In quotes of gnuplot's: nothing in it is looked into, and a quote is doubled. */
static void write_quoted(FILE *out, struct str text)
{
    (void)fputc('\'', out);
    for (size_t i = 0; i < text.n; i++)
        (void)fprintf(out, text.p[i] == '\'' ? "''" : "%c", text.p[i]);
    (void)fputs("'\n", out);
}

bool plot_begin(const struct command *command, const char *path, struct plot *ret)
{
    const char *terminal = terminal_of(str_of(path));
    int error;

    if (!terminal || memchr(path, '\n', strlen(path))) {
        command_complain(command, "a plot is a .png or .svg file, or - for the terminal");
        return false;
    }
    error = start(ret);
    if (error != 0) {
        command_complain(command, "gnuplot: %s", strerror(error));
        return false;
    }
    (void)fflush(stdout); /* what stands before a drawing in text comes before it */
    (void)fprintf(ret->out, "set terminal %s\n", terminal);
    if (strcmp(path, "-") != 0) {
        (void)fputs("set output ", ret->out);
        write_quoted(ret->out, str_of(path));
    }
    return true;
}

bool plot_end(const struct command *command, struct plot *plot)
{
    bool written = !ferror(plot->out);
    int status = -1;

    written = fclose(plot->out) == 0 && written;
    while (waitpid(plot->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (written && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    command_complain(command, "gnuplot did not draw it");
    return false;
}

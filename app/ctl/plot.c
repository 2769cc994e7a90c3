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
        return "dumb size 100";
    if (ends_with(path, STR(".png")))
        return "pngcairo size 1000";
    return ends_with(path, STR(".svg")) ? "svg background rgb 'white' size 1000" : NULL;
}

/* Starts gnuplot between two descriptors; 0, or what is wrong as an errno. */
static int spawn(int in, int out, pid_t *ret_pid)
{
    static char name[] = "gnuplot", quiet[] = "-d";
    char *const words[] = {name, quiet, NULL}; /* -d: without the user's own settings */
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0)
        return error;
    error = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (error == 0)
        error = posix_spawnp(ret_pid, name, &actions, NULL, words, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return error;
}

static int start(int out, struct plot *ret)
{
    int ends[2], error;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    error = spawn(ends[0], out, &ret->pid);
    (void)close(ends[0]);
    if (error == 0)
        ret->out = fdopen(ends[1], "w");
    if (error == 0 && ret->out)
        return 0;
    (void)close(ends[1]);
    return error != 0 ? error : errno;
}

/* The file is opened here: gnuplot would draw on standard output if it could not. */
static int open_output(const char *path)
{
    if (strcmp(path, "-") == 0)
        return STDOUT_FILENO;
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

bool plot_begin(const struct subcommand *command, const char *path, int height, struct plot *ret)
{
    enum { PIXELS_A_LINE = 19 };
    const char *terminal = terminal_of(str_of(path));
    int out, error;

    if (!terminal) {
        subcommand_error(command, "a plot is a .png or .svg file, or - for the terminal");
        return false;
    }
    (void)fflush(stdout); /* what stands before a drawing in text comes before it */
    out = open_output(path);
    if (out < 0) {
        subcommand_error(command, "%s: %s", path, strerror(errno));
        return false;
    }
    error = start(out, ret);
    if (out != STDOUT_FILENO)
        (void)close(out); /* gnuplot has its own */
    if (error != 0)
        subcommand_error(command, "gnuplot: %s", strerror(error));
    else
        (void)fprintf(ret->out, "set terminal %s, %d\n", terminal,
                      strcmp(path, "-") == 0 ? height / PIXELS_A_LINE : height);
    return error == 0;
}

bool plot_end(const struct subcommand *command, struct plot *plot)
{
    bool written = !ferror(plot->out);
    int status = -1;

    written = fclose(plot->out) == 0 && written;
    while (waitpid(plot->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (written && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    subcommand_error(command, "gnuplot did not draw it");
    return false;
}

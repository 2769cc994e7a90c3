/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starts gnuplot with posix_spawn and a pipe. mastery-ctl may start programs, because it has no
 * seccomp filter (list of refused system calls), unlike the engine's server processes. */
#include "app/ctl/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

/* Returns whether the path s ends with `end` and has at least one byte before it. */
static bool path_has_suffix(struct str s, struct str end)
{
    return s.n > end.n && str_equal((struct str){s.p + s.n - end.n, end.n}, end);
}

/* Returns gnuplot's output format ("terminal") for the path of the chart, such as "pngcairo size
 * 1000" (width in pixels; for "-" in characters); the caller appends the height. NULL when the path
 * is neither "-" nor a name that ends with .png or .svg. */
static const char *gnuplot_terminal(struct str path)
{
    if (str_equal(path, STR("-")))
        return "dumb size 100";
    if (path_has_suffix(path, STR(".png")))
        return "pngcairo size 1000";
    return path_has_suffix(path, STR(".svg")) ? "svg background rgb 'white' size 1000" : NULL;
}

/* Starts gnuplot with the descriptors in and out as its standard input and output. Returns 0, or an
 * error number. */
static int gnuplot_spawn(int in, int out, pid_t *ret_pid)
{
    static char name[] = "gnuplot", quiet[] = "-d";
    char *const argv[] = {name, quiet, NULL}; /* -d: ignore the user's own ~/.gnuplot */
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0)
        return error;
    error = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (error == 0)
        error = posix_spawnp(ret_pid, name, &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Starts gnuplot with a new pipe as its input. Returns 0, or an error number. O_CLOEXEC keeps
 * gnuplot from inheriting the writing end of the pipe, with which it would never see the end of its
 * input. */
static int gnuplot_start(int out, struct plot *ret)
{
    int pipe_ends[2], error;

    if (pipe2(pipe_ends, O_CLOEXEC) != 0)
        return errno;
    error = gnuplot_spawn(pipe_ends[0], out, &ret->pid);
    (void)close(pipe_ends[0]);
    if (error == 0)
        ret->out = fdopen(pipe_ends[1], "w");
    if (error == 0 && ret->out)
        return 0;
    (void)close(pipe_ends[1]);
    return error != 0 ? error : errno;
}

/* Opens the file for the chart and returns its descriptor; -1 with errno. gnuplot does not open the
 * file itself, because when that fails it draws on standard output. */
static int plot_open_output(const char *path)
{
    if (strcmp(path, "-") == 0)
        return STDOUT_FILENO;
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

/* Opens the file, starts gnuplot, and writes its first command: the output format with its size, in
 * pixels for a file and in lines of text for "-". */
bool plot_begin(const struct subcommand *command, const char *path, int height, struct plot *ret)
{
    enum { PIXELS_A_LINE = 19 }; /* height of a chart that counts as one line of text */
    const char *terminal = gnuplot_terminal(str_of(path));
    int out, error;

    if (!terminal) {
        subcommand_error(command, "a chart is a .png or .svg file, or - for text");
        return false;
    }
    (void)fflush(stdout); /* so that a text chart follows the text that was printed before */
    out = plot_open_output(path);
    if (out < 0) {
        subcommand_error(command, "%s: %s", path, strerror(errno));
        return false;
    }
    error = gnuplot_start(out, ret);
    if (out != STDOUT_FILENO)
        (void)close(out); /* gnuplot has a copy of it */
    if (error != 0)
        subcommand_error(command, "gnuplot: %s", strerror(error));
    else
        (void)fprintf(ret->out, "set terminal %s, %d\n", terminal,
                      strcmp(path, "-") == 0 ? height / PIXELS_A_LINE : height);
    return error == 0;
}

/* Closes the pipe, after which gnuplot finishes the chart and ends. The chart is drawn only if all
 * commands were written (ferror shows earlier failed writes) and gnuplot's exit status is 0.
 * waitpid is called again when a signal has interrupted it. */
bool plot_end(const struct subcommand *command, struct plot *plot)
{
    bool written = !ferror(plot->out);
    int status = -1;

    written = fclose(plot->out) == 0 && written;
    while (waitpid(plot->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (written && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    subcommand_error(command, "gnuplot failed: the chart was not drawn");
    return false;
}

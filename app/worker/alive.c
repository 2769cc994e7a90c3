/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets the modification time of the file ALIVE_FILE once a second, which shows a probe that the
 * event loop runs (see alive.h). */
#include "app/worker/alive.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t INTERVAL_US = 1000000;

/* Sets the modification time of the file to now, and creates the file if it is missing. Returns
 * false with errno. The file is opened each time, because it may have been removed. O_NONBLOCK: a
 * FIFO of this name must not block the worker; O_NOFOLLOW: a symbolic link must not make it change
 * another file. */
static bool alive_touch(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
    bool done = fd >= 0 && futimens(fd, NULL) == 0;
    int error = errno;

    if (fd >= 0)
        (void)close(fd);
    errno = error;
    return done;
}

/* A failure is logged once, and again only after a success in between. */
void alive_tick(struct alive *alive)
{
    struct engine *engine = alive->worker->engine;
    const char *path = engine->config.alive_file;
    bool failed;
    struct jw *jw;

    if (!*path)
        return;
    if (alive->worker->now_us >= alive->next_us) {
        alive->next_us = alive->worker->now_us + INTERVAL_US;
        failed = !alive_touch(path);
        if (failed && !alive->failed) {
            jw = log_begin(engine->log, LOG_WARNING, "worker.alive_file");
            jw_text(jw, "file", path);
            jw_text(jw, "reason", strerror(errno));
            log_end(engine->log);
        }
        alive->failed = failed;
    }
    worker_wake_at(alive->worker, alive->next_us);
}

void alive_close(const struct alive *alive)
{
    const char *path = alive->worker->engine->config.alive_file;

    if (*path)
        (void)unlink(path);
}

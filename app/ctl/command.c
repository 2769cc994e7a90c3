/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/ctl/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void command_complain(const struct command *command, const char *format, ...)
{
    va_list args;

    (void)fprintf(stderr, "mastery-ctl %s: ", command->name);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

enum ctl_exit command_misused(const struct command *command, const char *how)
{
    command_complain(command, "%s\nmastery-ctl %s --help tells more", how, command->name);
    return CTL_USAGE;
}

bool command_wait(struct engine *engine, struct asks *asks, struct problem *p)
{
    if (store_wait(engine->store, asks))
        return true;
    problem_unavailable(p, 1);
    return false;
}

enum ctl_exit command_fail(const struct command *command, const struct engine *engine,
                           const struct problem *p)
{
    if (p->code == PROBLEM_SERVICE_UNAVAILABLE) {
        command_complain(command, "Redis is away: %s", store_last_error(engine->store));
        return CTL_AWAY;
    }
    command_complain(command, "%s", p->message);
    return CTL_FAILED;
}

static const char *from_environment(const char *name)
{
    return getenv(name);
}

bool command_load_config(const struct command *command, struct config *ret)
{
    if (config_load(ret, from_environment, stderr) == 0)
        return true;
    command_complain(command, "the configuration is not valid: see above");
    return false;
}

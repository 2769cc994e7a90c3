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

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/ctl/command.h"

#include <stdio.h>

#include "app/ctl/nginx_locations.h"
#include "app/routes/routes.h"

struct settings {
    int part; /* enum nginx_part */
};

static enum ctl_exit run(const struct command *command, const void *settings, struct arena *arena)
{
    const struct settings *s = settings;
    size_t count;
    const struct route_table *tables = route_tables(&count);

    (void)command;
    (void)arena;
    return nginx_locations_print(stdout, tables, count, (enum nginx_part)s->part) == 0 ? CTL_DONE
                                                                                       : CTL_FAILED;
}

/* clang-format off */
static const char *const parts[] = {
    [NGINX_MAPS] = "maps", [NGINX_PUBLIC] = "public", [NGINX_SIDECAR] = "sidecar", NULL};

static const struct option_rule options[] = {
    {.name = "part", .value = "PART", .type = OPTION_OPERAND, .choices = parts, .required = true,
     .into = offsetof(struct settings, part), .about = "maps, public or sidecar"},
    {0},
};
/* clang-format on */

const struct command nginx_locations_command = {
    .name = "nginx-locations",
    .summary = "Prints the part of nginx's configuration that follows from the routes",
    .about =
        "Reads no settings. The maps belong into http{}, the locations into the server of the\n"
        "public port or into that of the Dapr sidecar.\n",
    .options = options,
    .settings_size = sizeof(struct settings),
    .run = run,
};

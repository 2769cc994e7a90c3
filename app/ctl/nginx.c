/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/ctl/subcommand.h"

#include <stdio.h>

#include "app/ctl/nginx_locations.h"
#include "app/routes/routes.h"

struct settings {
    int part; /* enum nginx_section */
};

static enum ctl_exit run(const struct subcommand *command, const void *settings,
                         struct arena *arena)
{
    const struct settings *s = settings;
    size_t count;
    const struct route_table *tables = route_tables(&count);

    (void)command;
    (void)arena;
    return nginx_locations_print(stdout, tables, count, (enum nginx_section)s->part) == 0
               ? CTL_DONE
               : CTL_FAILED;
}

/* clang-format off */
static const char *const parts[] = {
    [NGINX_MAPS] = "maps", [NGINX_PUBLIC] = "public", [NGINX_SIDECAR] = "sidecar", NULL};

static const struct option_rule options[] = {
    {.name = "part", .value_name = "PART", .type = OPTION_OPERAND, .choices = parts, .required = true,
     .offset = offsetof(struct settings, part), .description = "maps, public or sidecar"},
    {0},
};
/* clang-format on */

const struct subcommand nginx_locations_subcommand = {
    .name = "nginx-locations",
    .summary = "Prints the part of nginx's configuration that follows from the routes",
    .description =
        "Reads no settings. The maps belong into http{}, the locations into the server of the\n"
        "public port or into that of the Dapr sidecar.\n",
    .options = options,
    .settings_size = sizeof(struct settings),
    .run = run,
};

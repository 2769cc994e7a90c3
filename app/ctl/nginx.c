/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl nginx-locations: prints one section of nginx's configuration, computed from the route
 * tables by nginx_locations.c. It reads no settings of the environment, so that nginx can be
 * configured before the engine is. */
#include "app/ctl/subcommand.h"

#include <stdio.h>

#include "app/ctl/nginx_locations.h"
#include "app/routes/routes.h"

struct nginx_locations_settings {
    int section; /* enum nginx_section */
};

/* Prints the section that the operand names. nginx_locations_print has already printed the reason
 * when it fails, so no other error is printed here. */
static enum ctl_exit nginx_locations_run(const struct subcommand *command, const void *settings,
                                         struct arena *arena)
{
    const struct nginx_locations_settings *s = settings;
    size_t count;
    const struct route_table *tables = route_tables(&count);

    (void)command;
    (void)arena;
    return nginx_locations_print(stdout, tables, count, (enum nginx_section)s->section) == 0
               ? CTL_DONE
               : CTL_FAILED;
}

/* clang-format off */
static const char *const nginx_sections[] = {
    [NGINX_MAPS] = "maps", [NGINX_PUBLIC] = "public", [NGINX_SIDECAR] = "sidecar", NULL};

static const struct option_rule nginx_locations_options[] = {
    {.name = "part", .value_name = "PART", .type = OPTION_OPERAND, .choices = nginx_sections,
     .required = true,
     .offset = offsetof(struct nginx_locations_settings, section),
     .description = "maps, public or sidecar"},
    {0},
};
/* clang-format on */

const struct subcommand nginx_locations_subcommand = {
    .name = "nginx-locations",
    .summary = "Prints the section of nginx's configuration that follows from the routes",
    .description =
        "Reads no settings. The maps belong into http{}, the locations into the server of the\n"
        "public port or into that of the Dapr sidecar.\n",
    .options = nginx_locations_options,
    .settings_size = sizeof(struct nginx_locations_settings),
    .run = nginx_locations_run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl nginx-locations: prints one section of nginx's configuration, computed from the route
 * tables by nginx_locations.c. It reads no settings of the environment, so that nginx can be
 * configured before the engine is. */
#include <stdio.h>
#include <stdlib.h>

#include "app/ctl/json_line.h"
#include "app/ctl/nginx_locations.h"
#include "app/routes/routes.h"

struct nginx_locations_settings {
    int section; /* enum nginx_section: maps, public or sidecar */
    bool json;
};

static const char *const nginx_sections[] = {
    [NGINX_MAPS] = "maps", [NGINX_PUBLIC] = "public", [NGINX_SIDECAR] = "sidecar", NULL};

/* Prints the section as a text inside a JSON object, {"part":"maps","text":"..."}; so it is first
 * made in memory. */
static enum ctl_exit nginx_locations_print_json(const struct subcommand *command,
                                                enum nginx_section section, struct arena *arena)
{
    size_t count, n = 0;
    const struct route_table *tables = route_tables(&count);
    enum ctl_exit status = CTL_FAILED;
    struct json_line line;
    char *text = NULL;
    FILE *out = open_memstream(&text, &n);
    struct jw *w = json_line_begin(&line, arena);
    bool good = out && nginx_locations_print(out, tables, count, section) == 0;

    if (out)
        (void)fclose(out);
    if (good) {
        jw_text(w, "part", nginx_sections[section]);
        jw_text(w, "text", text);
        status = json_line_end(&line, command, CTL_DONE);
    }
    free(text);
    return status;
}

/* Prints the section that the operand names. nginx_locations_print has already printed the reason
 * when it fails, so no other error is printed here. */
static enum ctl_exit nginx_locations_run(const struct subcommand *command, const void *settings,
                                         struct arena *arena)
{
    const struct nginx_locations_settings *s = settings;
    size_t count;
    const struct route_table *tables = route_tables(&count);

    if (s->json)
        return nginx_locations_print_json(command, (enum nginx_section)s->section, arena);
    return nginx_locations_print(stdout, tables, count, (enum nginx_section)s->section) == 0
               ? CTL_DONE
               : CTL_FAILED;
}

/* clang-format off */
static const struct option_rule nginx_locations_options[] = {
    {.name = "part", .value_name = "PART", .type = OPTION_OPERAND, .choices = nginx_sections,
     .required = true,
     .offset = offsetof(struct nginx_locations_settings, section),
     .description = "maps, public or sidecar"},
    OPTION_JSON(nginx_locations_settings),
    {0},
};
/* clang-format on */

const struct subcommand nginx_locations_subcommand = {
    .name = "nginx-locations",
    .summary = "Prints the section of nginx's configuration that follows from the routes",
    .description =
        "Reads no settings. The maps belong into http{}, the locations into the server of the\n"
        "public port or into that of the Dapr sidecar.\n",
    .json = "an object: part, text",
    .options = nginx_locations_options,
    .settings_size = sizeof(struct nginx_locations_settings),
    .run = nginx_locations_run,
};

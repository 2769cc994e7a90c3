/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checks themselves are scripts/verify-deployment.sh, which also runs where there is no
 * mastery-ctl; this finds it and becomes it. */
#include "app/ctl/subcommand.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef PKGDATADIR
#define PKGDATADIR "/usr/share/mastery-engine"
#endif

struct settings {
    const char *url, *report, *script;
    bool json;
};

/* Its words end with the first NULL. Returns only when there is no such script. */
static void become(const struct settings *s, const char *report)
{
    if (s->json)
        (void)execl(s->script, s->script, s->url, "--json", report, NULL);
    else
        (void)execl(s->script, s->script, s->url, report, NULL);
}

static enum ctl_exit run(const struct subcommand *command, const void *settings,
                         struct arena *arena)
{
    const struct settings *s = settings;
    struct str report = {0};

    if (s->report) {
        report = arena_printf(arena, "--report=%s", s->report);
        if (!report.p) {
            subcommand_error(command, "out of memory");
            return CTL_FAILED;
        }
    }
    become(s, report.p);
    subcommand_error(command, "%s: %s", s->script, strerror(errno));
    return CTL_FAILED;
}

/* clang-format off */
static const struct option_rule options[] = {
    {.name = "url", .value_name = "URL", .type = OPTION_OPERAND, .offset = offsetof(struct settings, url),
     .description = "where the deployment is (http://127.0.0.1:8005)"},
    {.name = "report", .value_name = "FILE.md", .type = OPTION_TEXT, .offset = offsetof(struct settings, report),
     .description = "write the list, filled in"},
    {.name = "json", .type = OPTION_FLAG, .offset = offsetof(struct settings, json),
     .description = "print one JSON document instead of lines"},
    {.name = "script", .value_name = "FILE", .type = OPTION_TEXT, .offset = offsetof(struct settings, script),
     .description = "the checks (" PKGDATADIR "/verify-deployment.sh)"},
    {0},
};
/* clang-format on */

static const struct settings presets = {.url = "http://127.0.0.1:8005",
                                        .script = PKGDATADIR "/verify-deployment.sh"};

const struct subcommand verify_subcommand = {
    .name = "verify",
    .summary = "Runs the deployment verification checklist against a running deployment",
    .description =
        "Box by box: ticked, failed, or for a person, with evidence. It changes nothing but\n"
        "students and a cohort of its own, which it erases. Tokens, addresses and places come\n"
        "from the environment, as verify-deployment.sh --help says; Python 3.9 is needed.\n"
        "Exit status: 0 no box failed, 1 some did, 2 wrong usage, 3 no answer.\n",
    .options = options,
    .default_settings = &presets,
    .settings_size = sizeof(struct settings),
    .run = run,
};

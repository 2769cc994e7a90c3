/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl verify: runs scripts/verify-deployment.sh in place of this process (exec). All checks
 * are in the script, because it must also work on machines without mastery-ctl. */
#include "app/ctl/subcommand.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef PKGDATADIR
#define PKGDATADIR "/usr/share/mastery-engine"
#endif

struct verify_settings {
    const char *url, *report, *script;
    bool json;
};

/* Executes the script; returns only when that fails, with errno. report: the option --report=FILE,
 * or NULL, which execl treats as the end of the arguments. */
static void verify_exec(const struct verify_settings *settings, const char *report)
{
    if (settings->json)
        (void)execl(settings->script, settings->script, settings->url, "--json", report, NULL);
    else
        (void)execl(settings->script, settings->script, settings->url, report, NULL);
}

/* Makes the arguments of the script and executes it; the exit status is then the script's. Returns
 * only on failure, always CTL_FAILED. */
static enum ctl_exit verify_run(const struct subcommand *command, const void *settings,
                                struct arena *arena)
{
    const struct verify_settings *s = settings;
    struct str report = {0};

    if (s->report) {
        report = arena_printf(arena, "--report=%s", s->report);
        if (!report.p) {
            subcommand_error(command, "out of memory");
            return CTL_FAILED;
        }
    }
    verify_exec(s, report.p);
    subcommand_error(command, "%s: %s", s->script, strerror(errno));
    return CTL_FAILED;
}

/* clang-format off */
static const struct option_rule verify_options[] = {
    {.name = "url", .value_name = "URL", .type = OPTION_OPERAND,
     .offset = offsetof(struct verify_settings, url),
     .description = "address of the deployment (http://127.0.0.1:8005)"},
    {.name = "report", .value_name = "FILE.md", .type = OPTION_TEXT,
     .offset = offsetof(struct verify_settings, report),
     .description = "write the checklist with the results"},
    OPTION_JSON(verify_settings),
    {.name = "script", .value_name = "FILE", .type = OPTION_TEXT,
     .offset = offsetof(struct verify_settings, script),
     .description = "the checks (verify-deployment.sh of this installation)"},
    {0},
};
/* clang-format on */

static const struct verify_settings verify_defaults = {
    .url = "http://127.0.0.1:8005", .script = PKGDATADIR "/verify-deployment.sh"};

const struct subcommand verify_subcommand = {
    .name = "verify",
    .summary = "Runs the deployment verification checklist against a running deployment",
    .description =
        "Each box is ticked, failed, or left to a person, with evidence. Only students and a "
        "cohort\n"
        "made for the check are changed, and they are erased. Tokens, addresses and paths come\n"
        "from the environment, see verify-deployment.sh --help.\n"
        "Exit status: 0 no box failed, 1 some did, 2 wrong usage, 3 no response.\n",
    .json = "an object: url, version, commit, environment, time, operator, ticked, failed, person, "
            "and boxes (id, section, box, result, evidence)",
    .options = verify_options,
    .default_settings = &verify_defaults,
    .settings_size = sizeof(struct verify_settings),
    .run = verify_run,
};

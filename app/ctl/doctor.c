/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl doctor: runs a table of checks, and prints for each what was found and what to do.
 * Writes nothing, neither to Redis nor to files. */
#include "app/ctl/doctor.h"

#include <curl/curl.h>
#include <stdio.h>

#include "app/ctl/json_line.h"
#include "app/ctl/terminal.h"
#include "app/http/router.h"
#include "app/routes/routes.h"

enum { STATE_WIDTH = 6, NAME_WIDTH = 18 }; /* widths of the first two columns of the output */

/* What a check requires; without it the check is skipped. NEEDS_REDIS includes NEEDS_CONFIG. */
enum doctor_need { NEEDS_NOTHING, NEEDS_CONFIG, NEEDS_REDIS };

/* clang-format off */
static const struct {
    const char *name;
    enum doctor_need need;
    doctor_check *run;
} checks[] = {
    {"configuration",     NEEDS_NOTHING, doctor_configuration},
    {"secrets",           NEEDS_CONFIG,  doctor_secrets},
    {"keys",              NEEDS_CONFIG,  doctor_keys},
    {"identity provider", NEEDS_CONFIG,  doctor_provider},
    {"disk",              NEEDS_CONFIG,  doctor_disk},
    {"redis",             NEEDS_CONFIG,  doctor_redis},
    {"schema",            NEEDS_CONFIG,  doctor_schema},
    {"persistence",       NEEDS_REDIS,   doctor_persistence},
    {"memory",            NEEDS_REDIS,   doctor_memory},
    {"clock",             NEEDS_REDIS,   doctor_clock},
    {"workers",           NEEDS_REDIS,   doctor_workers},
    {"journal",           NEEDS_REDIS,   doctor_journal},
    {"queues",            NEEDS_REDIS,   doctor_queues},
    {"audit log",         NEEDS_REDIS,   doctor_audit},
    {"sidecar",           NEEDS_CONFIG,  doctor_sidecar},
    {"metrics",           NEEDS_CONFIG,  doctor_metrics},
    {"nginx",             NEEDS_NOTHING, doctor_nginx},
    {"engine",            NEEDS_NOTHING, doctor_pool},
};
/* clang-format on */

enum { CHECKS = sizeof(checks) / sizeof(checks[0]) };

static const char *const state_names[DOCTOR_STATES] = {
    [DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "fail", [DOCTOR_SKIPPED] = "-"};

/* Runs a check if its requirement (enum doctor_need) is met. */
static void doctor_run_check(struct doctor *doctor, size_t i, struct doctor_finding *finding)
{
    *finding = (struct doctor_finding){.found = STR(""), .advice = STR("")};
    if (checks[i].need != NEEDS_NOTHING && !doctor->has_config)
        doctor_skip(finding, "the configuration is not valid");
    else if (checks[i].need == NEEDS_REDIS && !doctor->has_redis)
        doctor_skip(finding, "Redis cannot be used");
    else
        checks[i].run(doctor, finding);
}

/* Prints the line of one finding (state, name of the check, what was found), and below it the
 * advice if there is one. */
static void doctor_print(const char *name, const struct doctor_finding *finding)
{
    static const enum colour colours[DOCTOR_STATES] = {[DOCTOR_OK] = COLOUR_GOOD,
                                                       [DOCTOR_WARN] = COLOUR_WARNING,
                                                       [DOCTOR_FAIL] = COLOUR_BAD,
                                                       [DOCTOR_SKIPPED] = COLOUR_GOOD};

    terminal_print(colours[finding->state], STATE_WIDTH, state_names[finding->state]);
    (void)printf("%-*s %.*s\n", NAME_WIDTH, name, STR_ARG(finding->found));
    if (finding->advice.n > 0)
        (void)printf("%*s to do: %.*s\n", STATE_WIDTH + NAME_WIDTH, "", STR_ARG(finding->advice));
    (void)fflush(stdout);
}

/* Writes one finding as an object. */
static void doctor_write(struct jw *w, const char *name, const struct doctor_finding *finding)
{
    jw_object(w, NULL);
    jw_text(w, "check", name);
    jw_text(w, "state", finding->state == DOCTOR_SKIPPED ? "skipped" : state_names[finding->state]);
    jw_str(w, "found", finding->found);
    if (finding->advice.n > 0)
        jw_str(w, "advice", finding->advice);
    jw_object_end(w);
}

/* Runs all checks in their order, and prints each finding as soon as it is known; with --json one
 * object at the end. Returns CTL_FAILED when a check has failed. */
static enum ctl_exit doctor_run_checks(const struct subcommand *command, struct doctor *doctor)
{
    size_t counts[DOCTOR_STATES] = {0};
    enum ctl_exit status;
    struct json_line line;
    struct jw *w = json_line_begin(&line, doctor->arena);

    jw_array(w, "checks");
    for (size_t i = 0; i < CHECKS; i++) {
        struct doctor_finding finding;

        doctor_run_check(doctor, i, &finding);
        counts[finding.state]++;
        if (doctor->settings->json)
            doctor_write(w, checks[i].name, &finding);
        else
            doctor_print(checks[i].name, &finding);
    }
    jw_array_end(w);
    jw_bool(w, "ok", counts[DOCTOR_FAIL] == 0);
    status = counts[DOCTOR_FAIL] > 0 ? CTL_FAILED : CTL_DONE;
    if (doctor->settings->json)
        return json_line_end(&line, command, status);
    (void)printf("%zu ok, %zu warnings, %zu failed, %zu skipped\n", counts[DOCTOR_OK],
                 counts[DOCTOR_WARN], counts[DOCTOR_FAIL], counts[DOCTOR_SKIPPED]);
    return status;
}

/* Prepares the engine's routes and libcurl, and runs all checks. Does not use engine_open, which
 * would end at the first fault: each check opens the parts of doctor->engine that it needs.
 * engine_close also accepts parts that were never opened. */
static enum ctl_exit doctor_run(const struct subcommand *command, const void *settings,
                                struct arena *arena)
{
    struct doctor *doctor = arena_zalloc(arena, sizeof(*doctor));
    size_t count;
    const struct route_table *tables = route_tables(&count);
    enum ctl_exit status = CTL_FAILED;
    struct router *router;

    if (!doctor)
        return CTL_FAILED;
    doctor->settings = settings;
    doctor->arena = arena;
    if (subcommand_check_url(command, doctor->settings->url) != CTL_DONE)
        return CTL_USAGE;
    router = router_new(tables, count);
    doctor->engine.router = router;
    if (router && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        status = doctor_run_checks(command, doctor);
    engine_close(&doctor->engine);
    router_free(router);
    curl_global_cleanup();
    return status;
}

#define SETTING(member) .offset = offsetof(struct doctor_settings, member)
/* clang-format off */
static const struct option_rule doctor_options[] = {
    {.name = "url", .value_name = "URL", .type = OPTION_TEXT, SETTING(url),
     .description = "address of the engine (http://127.0.0.1:8005)"},
    {.name = "nginx", .value_name = "FOLDER", .type = OPTION_TEXT, SETTING(nginx),
     .description = "folder that scripts/render-nginx has written (that of the package)"},
    {.name = "min-free", .value_name = "PERCENT", .type = OPTION_INT, .min = 0, .max = 100,
     SETTING(min_free_percent),
     .description = "free space of file systems below which the check fails (5)"},
    {.name = "timeout", .value_name = "SECONDS", .type = OPTION_INT, .min = 1, .max = 300,
     SETTING(timeout_s),
     .description = "longest wait for each response (5)"},
    OPTION_JSON(doctor_settings),
    {0},
};
/* clang-format on */

static const struct doctor_settings doctor_defaults = {
    .url = "http://127.0.0.1:8005", .min_free_percent = 5, .timeout_s = 5};

const struct subcommand doctor_subcommand = {
    .name = "doctor",
    .summary = "Checks configuration, Redis, keys, clocks and services, and says what to do",
    .description =
        "\nPrints a line for each check, and below each warning and failure what to do. Changes\n"
        "nothing. Run it with the settings of the engine, as its user, on the host of the pool.\n"
        "A check is skipped when what it needs is not configured, or not there.\n"
        "Exit status: 0 no check failed (warnings may be there), 1 some did, 2 wrong usage.\n",
    .json = "an object: checks (check, state: ok, warn, fail or skipped, found, advice), ok",
    .options = doctor_options,
    .default_settings = &doctor_defaults,
    .settings_size = sizeof(struct doctor_settings),
    .run = doctor_run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A subcommand of mastery-ctl: its name, its options and its function. Each subcommand has a file
 * of its own and a line in the table of commands.c. Subcommands write results to standard output
 * and errors to standard error. */
#ifndef CTL_SUBCOMMAND_H
#define CTL_SUBCOMMAND_H

#include "app/ctl/options.h"
#include "app/service/engine.h"

/* The exit status of mastery-ctl. */
enum ctl_exit {
    CTL_DONE = 0,
    CTL_FAILED = 1,
    CTL_USAGE = 2,       /* wrong options or operands */
    CTL_UNAVAILABLE = 3, /* Redis or the service cannot be reached */
};

struct subcommand {
    const char *name;
    const char *summary;     /* line for the list of all subcommands, without a full stop */
    const char *description; /* paragraphs for the subcommand's own --help; NULL: none */
    const char *json;        /* what --json prints, for the help; continues "With --json prints" */
    /* rows of the table, ending with a zeroed row; --json is one of them */
    const struct option_rule *options;
    const void *default_settings; /* settings without any option; NULL: all zero */
    size_t settings_size;         /* bytes of the struct of settings */
    /* Runs the subcommand. `settings` is a copy of default_settings with the values of the command
     * line. The arena lives until the program ends. */
    enum ctl_exit (*run)(const struct subcommand *command, const void *settings,
                         struct arena *arena);
};

/* The table of all subcommands, from which the help, the man page and the completion of the shells
 * are made (commands.c). */
const struct subcommand *const *subcommand_table(size_t *ret_count);

extern const struct subcommand token_subcommand;
extern const struct subcommand health_subcommand;
extern const struct subcommand verify_subcommand;
extern const struct subcommand schema_subcommand;
extern const struct subcommand migrate_subcommand;
extern const struct subcommand seed_subcommand;
extern const struct subcommand config_subcommand;
extern const struct subcommand nginx_locations_subcommand;
extern const struct subcommand dapr_operations_subcommand;
extern const struct subcommand ingest_subcommand;
extern const struct subcommand import_subcommand;
extern const struct subcommand dead_letter_subcommand;
extern const struct subcommand audit_subcommand;
extern const struct subcommand batch_subcommand;
extern const struct subcommand backtest_subcommand;
extern const struct subcommand report_subcommand;
extern const struct subcommand export_subcommand;
extern const struct subcommand erase_subcommand;
extern const struct subcommand log_hash_subcommand;
extern const struct subcommand top_subcommand;
extern const struct subcommand doctor_subcommand;

/* Prints a line on standard error: "mastery-ctl NAME: MESSAGE". */
void subcommand_error(const struct subcommand *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints "mastery-ctl NAME: HOW" about wrong usage, with a hint to --help. Always returns
 * CTL_USAGE, so that callers can return its result. */
enum ctl_exit subcommand_usage_error(const struct subcommand *command, const char *how);
/* Checks the value of --url. Returns CTL_DONE for an http or https URL, else CTL_USAGE after an
 * error on standard error. */
enum ctl_exit subcommand_check_url(const struct subcommand *command, const char *url);
/* Sends the pipeline's commands and waits for their replies. False with a problem in p when Redis
 * cannot be reached. */
bool subcommand_round_trip(struct engine *engine, struct pipeline *pipeline, struct problem *p);
/* Returns the time by Redis' clock (store_now_ms), for times that a command stores. Connects to
 * Redis to measure it if there is no connection; returns the time by this machine's clock when
 * Redis cannot be reached. */
int64_t subcommand_now_ms(struct engine *engine);
/* Returns the number of keys in Redis, all of which a SCAN examines; 0 when Redis does not reply.
 */
size_t subcommand_key_count(struct engine *engine);
/* Prints the problem on standard error. Returns CTL_UNAVAILABLE when the problem is that Redis
 * cannot be reached, else CTL_FAILED. */
enum ctl_exit subcommand_fail(const struct subcommand *command, const struct engine *engine,
                              const struct problem *p);
/* Loads the configuration from the environment. False with a line for each wrong setting on
 * standard error. The caller calls config_release in any case. */
bool subcommand_load_config(const struct subcommand *command, struct config *ret);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A subcommand of mastery-ctl: what it is called, what it may be told, what it does. Each has a
 * file of its own and a line in the table of main.c. */
#ifndef CTL_SUBCOMMAND_H
#define CTL_SUBCOMMAND_H

#include "app/ctl/options.h"
#include "app/service/engine.h"

enum ctl_exit {
    CTL_DONE = 0,
    CTL_FAILED = 1,
    CTL_USAGE = 2,
    CTL_UNAVAILABLE = 3, /* the store or the service is not there */
};

struct subcommand {
    const char *name;
    const char *summary;               /* one line without a full stop, for the list of all */
    const char *description;           /* paragraphs for its own --help; may be NULL */
    const struct option_rule *options; /* ends with a row of zeros; may be NULL */
    const void *default_settings;      /* the settings that options are written over; may be NULL */
    size_t settings_size;
    /* settings: the presets with the options over them. Memory of arena lasts until the end. */
    enum ctl_exit (*run)(const struct subcommand *command, const void *settings,
                         struct arena *arena);
};

extern const struct subcommand token_subcommand;
extern const struct subcommand health_subcommand;
extern const struct subcommand verify_subcommand;
extern const struct subcommand schema_subcommand;
extern const struct subcommand seed_subcommand;
extern const struct subcommand config_subcommand;
extern const struct subcommand nginx_locations_subcommand;
extern const struct subcommand ingest_subcommand;
extern const struct subcommand dead_letter_subcommand;
extern const struct subcommand audit_subcommand;
extern const struct subcommand batch_subcommand;
extern const struct subcommand backtest_subcommand;
extern const struct subcommand report_subcommand;
extern const struct subcommand export_subcommand;
extern const struct subcommand erase_subcommand;
extern const struct subcommand log_hash_subcommand;

/* A line on stderr: "mastery-ctl NAME: …". */
void subcommand_error(const struct subcommand *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same for wrong usage, with a hint to --help: CTL_USAGE. */
enum ctl_exit subcommand_usage_error(const struct subcommand *command, const char *how);
/* One round of the store; false, with a problem, when it is away. */
bool subcommand_round_trip(struct engine *engine, struct pipeline *pipeline, struct problem *p);
/* Says what the problem is: CTL_UNAVAILABLE when the store is away, else CTL_FAILED. */
enum ctl_exit subcommand_fail(const struct subcommand *command, const struct engine *engine,
                              const struct problem *p);
/* The configuration of the environment; what is wrong with it is on stderr then. config_release is
 * due in any case. */
bool subcommand_load_config(const struct subcommand *command, struct config *ret);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A subcommand of mastery-ctl: what it is called, what it may be told, what it does. Each has a
 * file of its own and a line in the table of main.c. */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "app/ctl/options.h"
#include "app/service/engine.h"

enum ctl_exit {
    CTL_DONE = 0,
    CTL_FAILED = 1,
    CTL_USAGE = 2,
    CTL_AWAY = 3, /* the store or the service is not there */
};

struct command {
    const char *name;
    const char *summary;               /* one line without a full stop, for the list of all */
    const char *about;                 /* paragraphs for its own --help; may be NULL */
    const struct option_rule *options; /* ends with a row of zeros; may be NULL */
    const void *presets;               /* the settings that options are written over; may be NULL */
    size_t settings_size;
    /* settings: the presets with the options over them. Memory of arena lasts until the end. */
    enum ctl_exit (*run)(const struct command *command, const void *settings, struct arena *arena);
};

extern const struct command token_command;
extern const struct command health_command;
extern const struct command verify_command;
extern const struct command schema_command;
extern const struct command seed_command;
extern const struct command config_command;
extern const struct command nginx_locations_command;
extern const struct command ingest_command;
extern const struct command dead_command;
extern const struct command audit_command;
extern const struct command batch_command;
extern const struct command backtest_command;
extern const struct command report_command;
extern const struct command export_command;
extern const struct command erase_command;
extern const struct command log_hash_command;

/* A line on stderr: "mastery-ctl NAME: …". */
void command_complain(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same for wrong usage, with a hint to --help: CTL_USAGE. */
enum ctl_exit command_misused(const struct command *command, const char *how);
/* One round of the store; false, with a problem, when it is away. */
bool command_wait(struct engine *engine, struct asks *asks, struct problem *p);
/* Says what the problem is: CTL_AWAY when the store is away, else CTL_FAILED. */
enum ctl_exit command_fail(const struct command *command, const struct engine *engine,
                           const struct problem *p);
/* The configuration of the environment; what is wrong with it is on stderr then. config_release is
 * due in any case. */
bool command_load_config(const struct command *command, struct config *ret);

#endif

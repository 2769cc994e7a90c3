/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Functions that several subcommands of mastery-ctl use: errors on standard error, one round trip
 * to Redis, and loading the configuration from the environment. */
#include "app/ctl/subcommand.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/store/reply.h"

/* Failures to write to standard error are ignored: there is no other place to report them. */
void subcommand_error(const struct subcommand *command, const char *format, ...)
{
    va_list args;

    (void)fprintf(stderr, "mastery-ctl %s: ", command->name);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

enum ctl_exit subcommand_usage_error(const struct subcommand *command, const char *how)
{
    subcommand_error(command, "%s\nSee mastery-ctl %s --help", how, command->name);
    return CTL_USAGE;
}

enum ctl_exit subcommand_check_url(const struct subcommand *command, const char *url)
{
    if (str_starts_with(str_of(url), STR("http://")) ||
        str_starts_with(str_of(url), STR("https://")))
        return CTL_DONE;
    return subcommand_usage_error(command, "--url must begin with http:// or https://");
}

/* Waits for the replies. The problem of a failure suggests a retry after 1 second, which only
 * matters for HTTP responses. */
bool subcommand_round_trip(struct engine *engine, struct pipeline *pipeline, struct problem *p)
{
    if (store_wait(engine->store, pipeline))
        return true;
    problem_unavailable(p, 1);
    return false;
}

/* Sends a PING if the difference to Redis' clock is unknown, because any command makes the store
 * connect, and it measures the clock when it connects. The reply is ignored: if there is none, the
 * next command will also find that Redis is unavailable. */
int64_t subcommand_now_ms(struct engine *engine)
{
    int64_t unused_ms;
    struct arena *arena = arena_new(1024, 4096);
    struct pipeline pipeline;

    if (arena && !store_clock_skew(engine->store, &unused_ms)) {
        pipeline_init(&pipeline, arena, NULL);
        (void)pipeline_add(&pipeline, COMMAND_READ, 1, (struct str[]){STR("PING")});
        (void)store_wait(engine->store, &pipeline);
    }
    arena_free(arena);
    return store_now_ms(engine->store);
}

size_t subcommand_key_count(struct engine *engine)
{
    struct arena *arena = arena_new(1024, 4096);
    struct pipeline pipeline;
    struct command *command;
    int64_t count = 0;

    if (!arena)
        return 0;
    pipeline_init(&pipeline, arena, NULL);
    command = pipeline_add(&pipeline, COMMAND_READ, 1, (struct str[]){STR("DBSIZE")});
    if (store_wait(engine->store, &pipeline))
        (void)reply_int(command->reply, &count);
    arena_free(arena);
    return count > 0 ? (size_t)count : 0;
}

enum ctl_exit subcommand_fail(const struct subcommand *command, const struct engine *engine,
                              const struct problem *p)
{
    if (p->code == PROBLEM_SERVICE_UNAVAILABLE) {
        subcommand_error(command, "Redis cannot be reached: %s", store_last_error(engine->store));
        return CTL_UNAVAILABLE;
    }
    subcommand_error(command, "%s", p->message);
    return CTL_FAILED;
}

/* Returns getenv(name); config_load requires this type. */
static const char *from_environment(const char *name)
{
    return getenv(name);
}

bool subcommand_load_config(const struct subcommand *command, struct config *ret)
{
    if (config_load(ret, from_environment, stderr) == 0)
        return true;
    subcommand_error(command, "the configuration is not valid: see above");
    return false;
}

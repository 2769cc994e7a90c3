/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/ctl/subcommand.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/auth/token.h"
#include "app/base/clock.h"

struct settings {
    const char *user;
    int role; /* place in roles */
    int64_t ttl_s;
};

static const char *const roles[] = {"student", "teacher", "admin", NULL};
static_assert(ROLE_TEACHER == ROLE_STUDENT + 1 && ROLE_ADMIN == ROLE_STUDENT + 2,
              "roles stand in the order of enum role");

/* NULL, after a line on stderr, when there is none to be had. */
static char *make(const struct subcommand *command, const struct settings *s,
                  const struct config *config)
{
    int64_t now_s = clock_wall_ms() / 1000;
    char *token;

    if (strcmp(config->jwt_algorithm, "HS256") != 0) {
        subcommand_error(command,
                         "tokens can be signed with JWT_ALGORITHM HS256 only: of %s the engine has "
                         "the public keys alone; ask whoever has the private one",
                         config->jwt_algorithm);
        return NULL;
    }
    if (s->ttl_s > config->jwt_max_lifetime_s) {
        subcommand_error(command, "--ttl %" PRId64 ": the engine takes tokens of at most %d s",
                         s->ttl_s, config->jwt_max_lifetime_s);
        return NULL;
    }
    token =
        token_make(config, s->user, (enum role)(ROLE_STUDENT + s->role), now_s, now_s + s->ttl_s);
    if (!token)
        subcommand_error(command, "the token could not be signed");
    return token;
}

static enum ctl_exit run(const struct subcommand *command, const void *settings,
                         struct arena *arena)
{
    struct config config;
    char *token = NULL;

    (void)arena;
    if (subcommand_load_config(command, &config))
        token = make(command, settings, &config);
    config_release(&config);
    if (!token)
        return CTL_FAILED;
    (void)puts(token);
    explicit_bzero(token, strlen(token));
    free(token);
    return CTL_DONE;
}

/* clang-format off */
static const struct option_rule options[] = {
    {.name = "user", .value_name = "ID", .type = OPTION_ID, .required = true,
     .offset = offsetof(struct settings, user), .description = "who it says to be"},
    {.name = "role", .value_name = "ROLE", .type = OPTION_CHOICE, .choices = roles, .required = true,
     .offset = offsetof(struct settings, role), .description = "student, teacher or admin"},
    {.name = "ttl", .value_name = "SECONDS", .type = OPTION_INT, .min = 1, .max = 316224000,
     .offset = offsetof(struct settings, ttl_s), .description = "how long it is good (3600)"},
    {0},
};
/* clang-format on */

static const struct settings presets = {.ttl_s = 3600};

const struct subcommand token_subcommand = {
    .name = "token",
    .summary = "Prints a token, signed with JWT_SECRET",
    .options = options,
    .default_settings = &presets,
    .settings_size = sizeof(struct settings),
    .run = run,
};

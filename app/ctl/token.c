/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mastery-ctl token: signs an access token (JWT) with JWT_SECRET or with the private key of
 * JWT_PRIVATE_KEY_FILE, for development, tests and emergencies. */
#include "app/ctl/json_line.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/auth/token.h"
#include "app/base/clock.h"

struct token_settings {
    const char *user;
    int role;      /* index in token_roles */
    int64_t ttl_s; /* lifetime of the token in seconds */
    bool json;
};

static const char *const token_roles[] = {"student", "teacher", "admin", NULL};
static_assert(ROLE_TEACHER == ROLE_STUDENT + 1 && ROLE_ADMIN == ROLE_STUDENT + 2,
              "token_roles has the order of enum role");

/* Returns a signed token, which the caller frees. NULL after a line on standard error. */
static char *token_sign(const struct subcommand *command, const struct token_settings *settings,
                        const struct config *config, int64_t now_s)
{
    char *token, error[200];

    if (settings->ttl_s > config->jwt_max_lifetime_s) {
        subcommand_error(command,
                         "--ttl %" PRId64
                         ": the engine accepts tokens of at most %d s (JWT_MAX_LIFETIME_S)",
                         settings->ttl_s, config->jwt_max_lifetime_s);
        return NULL;
    }
    /* token_roles has the order of enum role from ROLE_STUDENT on */
    token = token_make(config, settings->user, (enum role)(ROLE_STUDENT + settings->role), now_s,
                       now_s + settings->ttl_s, error);
    if (!token)
        subcommand_error(command, "%s", error);
    return token;
}

/* Prints the token as JSON. Reserves the room at once, because a text that grows would leave a copy
 * of the token in memory. */
static enum ctl_exit token_print_json(const struct subcommand *command,
                                      const struct token_settings *settings, const char *token,
                                      int64_t now_s, struct arena *arena)
{
    struct json_line line;
    struct jw *w = json_line_begin(&line, arena);
    enum ctl_exit status;

    (void)buf_reserve(&line.text, strlen(token) + 1024);
    jw_text(w, "token", token);
    jw_text(w, "user", settings->user);
    jw_text(w, "role", token_roles[settings->role]);
    jw_time(w, "expires_at", (now_s + settings->ttl_s) * 1000);
    status = json_line_end(&line, command, CTL_DONE);
    explicit_bzero(line.text.p, line.text.n);
    return status;
}

/* Prints a signed token. Returns CTL_FAILED after an error, which was printed already. Overwrites
 * the token's bytes before they are freed, because a token is a secret. */
static enum ctl_exit token_run(const struct subcommand *command, const void *settings,
                               struct arena *arena)
{
    const struct token_settings *s = settings;
    int64_t now_s = clock_wall_ms() / 1000;
    enum ctl_exit status = CTL_DONE;
    struct config config;
    char *token = NULL;

    if (subcommand_load_config(command, &config))
        token = token_sign(command, s, &config, now_s);
    config_release(&config);
    if (!token)
        return CTL_FAILED;
    if (s->json)
        status = token_print_json(command, s, token, now_s, arena);
    else
        (void)puts(token);
    explicit_bzero(token, strlen(token));
    free(token);
    return status;
}

/* clang-format off */
static const struct option_rule token_options[] = {
    {.name = "user", .value_name = "ID", .type = OPTION_ID, .required = true,
     .offset = offsetof(struct token_settings, user), .description = "the id in the token (sub)"},
    {.name = "role", .value_name = "ROLE", .type = OPTION_CHOICE, .choices = token_roles,
     .required = true,
     .offset = offsetof(struct token_settings, role), .description = "student, teacher or admin"},
    {.name = "ttl", .value_name = "SECONDS", .type = OPTION_INT, .min = 1, .max = 316224000,
     .offset = offsetof(struct token_settings, ttl_s), .description = "lifetime (3600)"},
    OPTION_JSON(token_settings),
    {0},
};
/* clang-format on */

static const struct token_settings token_defaults = {.ttl_s = 3600};

const struct subcommand token_subcommand = {
    .name = "token",
    .summary = "Prints a token, signed with JWT_SECRET or JWT_PRIVATE_KEY_FILE",
    .json = "an object: token, user, role, expires_at",
    .options = token_options,
    .default_settings = &token_defaults,
    .settings_size = sizeof(struct token_settings),
    .run = token_run,
};

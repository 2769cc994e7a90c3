/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration: environment variables, and files for secrets, read once at start. Every
 * setting is a row of config.def. All errors are reported together, each with the name of its
 * variable. An empty variable counts as not set. */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stdio.h>

#include "app/base/json_write.h"
#include "app/base/str.h"

/* The value that a secret had before its last change. It is accepted together with the new value
 * for a grace period (KEY_GRACE_S). */
struct past_secret {
    const char *text; /* the value before the last change; NULL: only the current one is accepted */
    int64_t until_us; /* end of the grace period in microseconds, by the monotonic clock */
};

struct config {
    int64_t wipe_at_us; /* the earliest end of a grace period; 0: there is no past secret */
#define TEXT(name, member, default_, description) const char *member;
#define SECRET(name, member, description)                                                          \
    const char *member;        /* NULL or empty: not set */                                        \
    const char *member##_file; /* path of the secret's file; NULL: from the environment */         \
    struct past_secret member##_past;
#define INT(name, member, default_, min, max, description)    int member;
#define NUMBER(name, member, default_, min, max, description) double member;
#define CHOICE(name, member, default_, choices, description)  const char *member;
#include "app/base/config.def"
#undef TEXT
#undef SECRET
#undef INT
#undef NUMBER
#undef CHOICE
};

/* A function that returns the value of an environment variable, or NULL when it is not set:
 * getenv, or a function of a test. */
typedef const char *config_source(const char *name);

/* Reads all settings from source into config. The texts of config are copies that live until
 * config_release, which must be called even after a failure. Writes one line per error to
 * `errors`, never with a value that may be a secret. Returns the number of errors; config may be
 * used only when that is 0. */
int config_load(struct config *config, config_source *source, FILE *errors);
/* Returns whether ENVIRONMENT is development, where an identity provider may be used without TLS.
 */
static inline bool config_is_development(const struct config *config)
{
    return strcmp(config->environment, "development") == 0;
}

/* The config_source that reads the environment of the process. */
const char *config_environment(const char *name);
/* Moves the secrets of `fresh` that differ to config, which accepts the old ones until
 * past_until_us (monotonic). Returns whether any differed. The caller then releases `fresh`. */
bool config_replace_secrets(struct config *config, struct config *fresh, int64_t past_until_us);
/* Wipes the old values whose time (past_secret.until_us) is over. */
void config_wipe_old_secrets(struct config *config, int64_t now_us);
/* Wipes the secrets and frees all texts; NULL is allowed. */
void config_release(struct config *config);
/* Reads a secret from a file, without the white space at the end of the file. Returns NULL and
 * sets errno on failure: ENODATA (the file is empty or white space), EINVAL (it contains a NUL),
 * EFBIG (it is over 64 KiB), or the errno of open or read. The caller wipes and frees the text. */
char *config_read_secret_file(const char *path);
/* Prints a line NAME=value for each setting; secrets as (set) or (not set). */
void config_print(const struct config *config, FILE *out);
/* Writes a member for each setting into the open object: numbers and texts as such; for a secret
 * true when it is set. */
void config_write_json(const struct config *config, struct jw *w);
/* Prints the table of settings as Markdown, for docs/configuration.md. */
void config_print_markdown(FILE *out);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration: environment variables, secrets from files as well, read once at start. Every
 * setting is a row of config.def. All errors are reported together, each naming its variable. A
 * variable that is empty counts as not set. */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stdio.h>

#include "app/base/str.h"

/* What a secret was before it changed; it may still count for a while. */
struct past_secret {
    const char *text; /* NULL: nothing counts but the present one */
    int64_t until_us; /* monotonic */
};

struct config {
#define TEXT(name, member, preset, about) const char *member;
#define SECRET(name, member, about)                                                                \
    const char *member;        /* NULL or empty text: not set */                                   \
    const char *member##_file; /* where it came from, NULL for the environment */                  \
    struct past_secret member##_past;
#define INT(name, member, preset, min, max, about)    int member;
#define NUMBER(name, member, preset, min, max, about) double member;
#define CHOICE(name, member, preset, choices, about)  const char *member;
#include "app/base/config.def"
#undef TEXT
#undef SECRET
#undef INT
#undef NUMBER
#undef CHOICE
};

typedef const char *config_source(const char *name); /* getenv, or a test's own */

/* Fills config from source; texts are copied and live until config_release, which is due after a
 * failure too. Writes one line for each error to errors, never a value that may hold a secret, and
 * returns their number: 0 means config may be used. */
int config_load(struct config *config, config_source *source, FILE *errors);
/* The source that is the process's own environment. */
const char *config_environment(const char *name);
/* Takes over the secrets of `fresh` that are not the same; what they were counts until then.
 * Whether there was any. Of `fresh` only config_release is left to do. */
bool config_replace_secrets(struct config *config, struct config *fresh, int64_t past_until_us);
/* Wipes what secrets were in the past whose time is over. */
void config_wipe_old_secrets(struct config *config, int64_t now_us);
/* Wipes the secrets and frees all. */
void config_release(struct config *config);
/* The whole file as one text without the white space at its end; NULL with errno set (ENODATA:
 * there is nothing else in it; EINVAL: a NUL; EFBIG: over 64 KiB). The caller wipes and frees. */
char *config_read_secret_file(const char *path);
/* NAME=value lines, secrets as (set) or (not set). */
void config_print(const struct config *config, FILE *out);
/* The table as Markdown, for docs/configuration.md. */
void config_print_markdown(FILE *out);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loads and replaces the settings. Every function but derive_settings loops over the rows of
 * config.def (one row per setting) or handles one of them, and config_check.c has the rules that
 * name single settings. So adding a setting means adding a row. Secrets are wiped before their
 * memory is freed, and no function prints a secret. */
#include "app/base/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/base/config_check.h"
#include "app/base/config_row.h"
#include "app/base/fd_io.h"
#include "app/base/number.h"

/* Set by configure: the folder into which make install puts recommendations.json. */
#ifndef PKGDATADIR
#define PKGDATADIR "/usr/share/mastery-engine"
#endif

enum {
    SECRET_FILE_MAX = 64 * 1024, /* bytes of a file with a secret */
};

const struct config_row config_rows[] = {
/* clang-format off */
#define ROW(kind_, name_, member_, description_) \
    .name = #name_, .kind = (kind_), .member = offsetof(struct config, member_), \
    .description = (description_)
#define TEXT(name, member, default_, description) \
    {ROW(KIND_TEXT, name, member, description), .default_text = (default_)},
#define SECRET(name, member_, description) \
    {ROW(KIND_SECRET, name, member_, description), \
     .file = offsetof(struct config, member_##_file), \
     .past = offsetof(struct config, member_##_past)},
#define INT(name, member, default_, min_, max_, description) \
    {ROW(KIND_INT, name, member, description), \
     .default_int = (default_), .min = (min_), .max = (max_)},
#define NUMBER(name, member, default_, min_, max_, description) \
    {ROW(KIND_NUMBER, name, member, description), \
     .default_number = (default_), .number_min = (min_), .number_max = (max_)},
#define CHOICE(name, member, default_, choices_, description) \
    {ROW(KIND_CHOICE, name, member, description), \
     .default_text = (default_), .choices = (choices_)},
#include "app/base/config.def"
#undef TEXT
#undef SECRET
#undef INT
#undef NUMBER
#undef CHOICE
    /* clang-format on */
};

const size_t config_row_count = sizeof(config_rows) / sizeof(*config_rows);

/* Returns the address of the member of config at this offset, for writing. The offset comes from
 * offsetof, so the address is aligned for the type of the member. To read a member, use
 * config_member or config_text (config_row.h). */
static void *member_at(struct config *config, size_t offset)
{
    return (char *)config + offset;
}

/* Returns the address of the text member at this offset. */
static const char **text_at(struct config *config, size_t offset)
{
    return member_at(config, offset);
}

/* Stores a copy of value in the text member of config at offset. */
static void set_text(struct config_loader *loader, const char *name, size_t offset,
                     struct str value)
{
    char *copy = strndup(value.n > 0 ? value.p : "", value.n);

    if (!copy) {
        config_fail(loader, name, "%s", strerror(errno));
        loader->out_of_memory = true;
    }
    *text_at(loader->config, offset) = copy;
}

/* Wipes and frees a text of config, or NULL. The members of struct config are const for their
 * readers; copying the bytes of the pointer removes the const without a cast. */
static void wipe_and_free(const char *text)
{
    char *writable;

    memcpy(&writable, &text, sizeof(writable));
    if (writable)
        explicit_bzero(writable, strlen(writable));
    free(writable);
}

/* Loads a text setting (KIND_TEXT): stores a copy of its value, or of its default if not set. */
static void load_text(struct config_loader *loader, const struct config_row *row)
{
    const char *value = config_variable(loader, row->name);

    set_text(loader, row->name, row->member, str_of(value ? value : row->default_text));
}

/* Loads a setting that has a list of allowed values (KIND_CHOICE). A value that is not in the list
 * is reported, and stored all the same, so that no member is NULL for the checks that follow. After
 * an error the caller of config_load does not use config. */
static void load_choice(struct config_loader *loader, const struct config_row *row)
{
    const char *value = config_variable(loader, row->name);

    if (value && !config_is_choice(str_of(row->choices), str_of(value)))
        config_fail(loader, row->name, "\"%s\" is not one of %s", value, row->choices);
    load_text(loader, row);
}

/* Loads an integer setting (KIND_INT). For an invalid value, counts an error and stores the
 * default. */
static void load_int(struct config_loader *loader, const struct config_row *row)
{
    const char *value = config_variable(loader, row->name);
    int64_t number = row->default_int;

    if (value && !str_to_int64(str_of(value), row->min, row->max, &number))
        config_fail(loader, row->name, "\"%s\" is not a whole number from %d to %d", value,
                    row->min, row->max);
    *(int *)member_at(loader->config, row->member) = (int)number;
}

/* Loads a decimal setting (KIND_NUMBER). A number out of range counts as an error and is stored all
 * the same: after an error the caller of config_load does not use config. */
static void load_number(struct config_loader *loader, const struct config_row *row)
{
    const char *value = config_variable(loader, row->name);
    double number = row->default_number;

    if (value && (!str_to_double(str_of(value), &number) || number < row->number_min ||
                  number > row->number_max)) {
        char least[NUMBER_TEXT_MAX], most[NUMBER_TEXT_MAX];

        number_print(row->number_min, least);
        number_print(row->number_max, most);
        config_fail(loader, row->name, "\"%s\" is not a number from %s to %s", value, least, most);
    }
    *(double *)member_at(loader->config, row->member) = number;
}

/* Returns the text s without the white space at its end, since files usually end with a newline.
 * White space at the start stays: it may be part of a secret. */
static struct str trim_end(struct str s)
{
    struct str trimmed = str_trim(s);

    return (struct str){s.p, trimmed.n > 0 ? (size_t)(trimmed.p - s.p) + trimmed.n : 0};
}

/* Returns why config_read_secret_file has failed with this error number. */
static const char *secret_file_fault(int error)
{
    switch (error) {
    case ENODATA: return "the file is empty";
    case EINVAL: return "the file is not a text: there is a NUL in it";
    case EFBIG: return "the file is larger than 64 KiB";
    default: return strerror(error);
    }
}

/* Reads the secret from the file at path. name: the variable NAME_FILE, for error messages. */
static void load_secret_file(struct config_loader *loader, const struct config_row *row,
                             const char *name, const char *path)
{
    char *secret = config_read_secret_file(path);

    if (!secret)
        config_fail(loader, name, "%s: %s", path, secret_file_fault(errno));
    *text_at(loader->config, row->member) = secret;
    set_text(loader, name, row->file, str_of(path));
}

/* Loads a secret (KIND_SECRET): from the file that the variable NAME_FILE names or, without that
 * variable, from the variable NAME. A secret of nothing but white space counts as not set. */
static void load_secret(struct config_loader *loader, const struct config_row *row)
{
    char file_variable[80];
    const char *path;

    (void)snprintf(file_variable, sizeof(file_variable), "%s_FILE", row->name);
    path = config_variable(loader, file_variable);
    if (path) {
        load_secret_file(loader, row, file_variable, path);
        return;
    }
    struct str value = trim_end(str_of(config_variable(loader, row->name)));
    if (value.n > 0)
        set_text(loader, row->name, row->member, value);
}

/* Loads one setting by the function for its kind. Errors are counted in loader->errors. */
static void load_row(struct config_loader *loader, const struct config_row *row)
{
    switch (row->kind) {
    case KIND_TEXT: load_text(loader, row); break;
    case KIND_SECRET: load_secret(loader, row); break;
    case KIND_INT: load_int(loader, row); break;
    case KIND_NUMBER: load_number(loader, row); break;
    case KIND_CHOICE: load_choice(loader, row); break;
    }
}

/* Fills the settings whose default depends on another setting: JWT_ISSUER is OIDC_ISSUER, and the
 * file for the provider's keys is METRICS_FILE with ".keys" at its end, because the same processes
 * share both files. The path stays empty when out of memory. */
static void derive_settings(struct config_loader *loader)
{
    struct config *config = loader->config;
    char *path = NULL;

    if (!*config->jwt_issuer && *config->oidc_issuer) {
        wipe_and_free(config->jwt_issuer);
        set_text(loader, "JWT_ISSUER", offsetof(struct config, jwt_issuer),
                 str_of(config->oidc_issuer));
    }
    if (!*config->jwt_jwks_cache_file && asprintf(&path, "%s.keys", config->metrics_file) >= 0) {
        wipe_and_free(config->jwt_jwks_cache_file);
        config->jwt_jwks_cache_file = path;
    }
}

const char *config_environment(const char *name)
{
    return getenv(name);
}

/* Loads each setting on its own, then makes the checks that concern several settings. Those checks
 * read texts, so they are skipped when a text is NULL because its copy failed. */
int config_load(struct config *config, config_source *source, FILE *errors)
{
    struct config_loader loader = {.config = config, .source = source, .out = errors};

    *config = (struct config){0};
    for (size_t i = 0; i < config_row_count; i++) {
        config_check_quotes(&loader, &config_rows[i]);
        load_row(&loader, &config_rows[i]);
    }
    if (!loader.out_of_memory) {
        config_check_together(&loader);
        derive_settings(&loader);
    }
    return loader.errors;
}

/* Returns the address of the struct past_secret at this offset of config. */
static struct past_secret *past_at(struct config *config, size_t offset)
{
    return member_at(config, offset);
}

/* Returns whether two texts are equal; NULL is equal only to NULL. */
static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Makes config_wipe_old_secrets look for secrets to wipe at at_us, unless an earlier time is set.
 */
static void config_wipe_at(struct config *config, int64_t at_us)
{
    if (config->wipe_at_us == 0 || at_us < config->wipe_at_us)
        config->wipe_at_us = at_us;
}

/* Moves each secret of `fresh` that differs into config. The replaced value becomes the past
 * secret, which is accepted until past_until_us. Returns true when at least one secret was
 * replaced. */
bool config_replace_secrets(struct config *config, struct config *fresh, int64_t past_until_us)
{
    bool changed = false;

    for (size_t i = 0; i < config_row_count; i++) {
        const char **old, **new;

        if (config_rows[i].kind != KIND_SECRET)
            continue;
        old = text_at(config, config_rows[i].member);
        new = text_at(fresh, config_rows[i].member);
        if (same_text(*old, *new))
            continue;
        wipe_and_free(past_at(config, config_rows[i].past)->text);
        *past_at(config, config_rows[i].past) = (struct past_secret){*old, past_until_us};
        config_wipe_at(config, past_until_us);
        *old = *new;
        *new = NULL; /* config owns the text now */
        changed = true;
    }
    return changed;
}

/* Wipes each replaced secret whose grace period is over. */
void config_wipe_old_secrets(struct config *config, int64_t now_us)
{
    if (config->wipe_at_us == 0 || now_us < config->wipe_at_us)
        return;
    config->wipe_at_us = 0;
    for (size_t i = 0; i < config_row_count; i++) {
        struct past_secret *old_secret;

        if (config_rows[i].kind != KIND_SECRET)
            continue;
        old_secret = past_at(config, config_rows[i].past);
        if (!old_secret->text)
            continue;
        if (now_us < old_secret->until_us) {
            config_wipe_at(config, old_secret->until_us);
            continue;
        }
        wipe_and_free(old_secret->text);
        old_secret->text = NULL;
    }
}

/* Wipes and frees all texts, secret or not. Afterwards config is as before config_load. */
void config_release(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config_row_count; i++) {
        if (config_rows[i].kind != KIND_INT && config_rows[i].kind != KIND_NUMBER)
            wipe_and_free(config_text(config, config_rows[i].member));
        if (config_rows[i].kind == KIND_SECRET) {
            wipe_and_free(config_text(config, config_rows[i].file));
            wipe_and_free(past_at(config, config_rows[i].past)->text);
        }
    }
    *config = (struct config){0};
}

/* Removes the white space at the end of a secret file's text, whose first n bytes were read, and
 * adds a NUL. Returns 0, or an errno when the text cannot be a secret. n may exceed SECRET_FILE_MAX
 * by one: such a text is refused first, since it leaves no room for the NUL. */
static int terminate_secret(char *bytes, size_t n)
{
    struct str text = trim_end((struct str){bytes, n});

    if (n > SECRET_FILE_MAX)
        return EFBIG;
    if (text.n == 0)
        return ENODATA;
    if (memchr(bytes, '\0', text.n))
        return EINVAL;
    bytes[text.n] = '\0';
    return 0;
}

/* Reads one byte more than a secret may have, so that a file that is too large is noticed. On
 * failure, wipes the bytes, because they may be a secret, and sets errno last, after calls that
 * could change it. */
char *config_read_secret_file(const char *path)
{
    size_t size = SECRET_FILE_MAX + 1;
    char *bytes = malloc(size);
    int fd = bytes ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd < 0 ? -1 : fd_read_all(fd, bytes, size);
    int error = n < 0 ? errno : terminate_secret(bytes, (size_t)n);

    if (fd >= 0)
        (void)close(fd); /* close() cannot lose data of a file that was only read */
    if (error == 0)
        return bytes;
    if (bytes)
        explicit_bzero(bytes, size);
    free(bytes);
    errno = error;
    return NULL;
}

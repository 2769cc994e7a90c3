/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loads, checks and replaces the settings. Every function loops over the rows of config.def (one
 * row per setting); only the check_... functions, for rules that concern several settings, name
 * single settings. So adding a setting means adding a row. Secrets are wiped before their memory is
 * freed, and no function prints a secret. */
#include "app/base/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/base/config_row.h"
#include "app/base/credentials.h"
#include "app/base/fd_io.h"
#include "app/base/https_url.h"
#include "app/base/number.h"
#include "app/base/redis_url.h"
#include "app/base/role_map.h"

/* Set by configure: the folder into which make install puts recommendations.json. */
#ifndef PKGDATADIR
#define PKGDATADIR "/usr/share/mastery-engine"
#endif

enum {
    SECRET_FILE_MAX = 64 * 1024, /* bytes of a file with a secret */
    HMAC_SECRET_MIN = 32,        /* bytes of an HMAC secret, at least */
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

/* What one run of config_load works on. */
struct loader {
    struct config *config;
    config_source *source;
    FILE *out;          /* where error messages are written */
    int errors;         /* number of errors so far */
    bool out_of_memory; /* a text could not be copied; its member is NULL */
};

/* Counts an error and writes it as "NAME: message". */
__attribute__((format(printf, 3, 4))) static void config_fail(struct loader *l, const char *name,
                                                              const char *format, ...)
{
    va_list args;

    l->errors++;
    (void)fprintf(l->out, "%s: ", name);
    va_start(args, format);
    (void)vfprintf(l->out, format, args);
    va_end(args);
    (void)fputc('\n', l->out);
}

/* Returns the value of an environment variable; NULL when it is not set or is empty. */
static const char *variable(const struct loader *l, const char *name)
{
    const char *value = l->source(name);

    return value && *value ? value : NULL;
}

/* Stores a copy of value in the text member of config at offset. */
static void set_text(struct loader *l, const char *name, size_t offset, struct str value)
{
    char *copy = strndup(value.n > 0 ? value.p : "", value.n);

    if (!copy) {
        config_fail(l, name, "%s", strerror(errno));
        l->out_of_memory = true;
    }
    *text_at(l->config, offset) = copy;
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
static void load_text(struct loader *l, const struct config_row *row)
{
    const char *value = variable(l, row->name);

    set_text(l, row->name, row->member, str_of(value ? value : row->default_text));
}

/* Returns whether value is one of the choices, which are separated by |. */
static bool is_choice(struct str choices, struct str value)
{
    while (choices.n > 0)
        if (str_equal(str_cut(&choices, '|'), value))
            return true;
    return false;
}

/* Loads a setting that has a list of allowed values (KIND_CHOICE). A value that is not in the list
 * is reported, and stored all the same, so that no member is NULL for the checks that follow. After
 * an error the caller of config_load does not use config. */
static void load_choice(struct loader *l, const struct config_row *row)
{
    const char *value = variable(l, row->name);

    if (value && !is_choice(str_of(row->choices), str_of(value)))
        config_fail(l, row->name, "\"%s\" is not one of %s", value, row->choices);
    load_text(l, row);
}

/* Loads an integer setting (KIND_INT). For an invalid value, counts an error and stores the
 * default. */
static void load_int(struct loader *l, const struct config_row *row)
{
    const char *value = variable(l, row->name);
    int64_t number = row->default_int;

    if (value && !str_to_int64(str_of(value), row->min, row->max, &number))
        config_fail(l, row->name, "\"%s\" is not a whole number from %d to %d", value, row->min,
                    row->max);
    *(int *)member_at(l->config, row->member) = (int)number;
}

/* Loads a decimal setting (KIND_NUMBER). A number out of range counts as an error and is stored all
 * the same: after an error the caller of config_load does not use config. */
static void load_number(struct loader *l, const struct config_row *row)
{
    const char *value = variable(l, row->name);
    double number = row->default_number;

    if (value && (!str_to_double(str_of(value), &number) || number < row->number_min ||
                  number > row->number_max)) {
        char least[NUMBER_TEXT_MAX], most[NUMBER_TEXT_MAX];

        number_print(row->number_min, least);
        number_print(row->number_max, most);
        config_fail(l, row->name, "\"%s\" is not a number from %s to %s", value, least, most);
    }
    *(double *)member_at(l->config, row->member) = number;
}

/* Returns the text s without the white space at its end, since files usually end with a newline.
 * White space at the start stays: it may be part of a secret. */
static struct str trim_end(struct str s)
{
    struct str trimmed = str_trim(s);

    return (struct str){s.p, trimmed.n > 0 ? (size_t)(trimmed.p - s.p) + trimmed.n : 0};
}

/* Reads the secret from the file at path. name: the variable NAME_FILE, for error messages. */
static void load_secret_file(struct loader *l, const struct config_row *row, const char *name,
                             const char *path)
{
    char *secret = config_read_secret_file(path);

    if (!secret)
        config_fail(l, name, "%s: %s", path,
                    errno == ENODATA  ? "the file is empty"
                    : errno == EINVAL ? "the file is not a text: there is a NUL in it"
                    : errno == EFBIG  ? "the file is larger than 64 KiB"
                                      : strerror(errno));
    *text_at(l->config, row->member) = secret;
    set_text(l, name, row->file, str_of(path));
}

/* Loads a secret (KIND_SECRET): from the file that the variable NAME_FILE names or, without that
 * variable, from the variable NAME. A secret of nothing but white space counts as not set. */
static void load_secret(struct loader *l, const struct config_row *row)
{
    char file_variable[80];
    const char *path;

    (void)snprintf(file_variable, sizeof(file_variable), "%s_FILE", row->name);
    path = variable(l, file_variable);
    if (path) {
        load_secret_file(l, row, file_variable, path);
        return;
    }
    struct str value = trim_end(str_of(variable(l, row->name)));
    if (value.n > 0)
        set_text(l, row->name, row->member, value);
}

/* Refuses a value that begins and ends with the same kind of quote. systemd and shells remove such
 * quotes from an env file, but docker --env-file keeps them: the same secret would then have two
 * more characters. The message does not show the value. */
static void check_quotes(struct loader *l, const char *name)
{
    struct str value = str_of(variable(l, name));

    if (value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'') &&
        value.p[value.n - 1] == value.p[0])
        config_fail(
            l, name,
            "the value begins and ends with %c, which would be part of it; remove the quotes "
            "(docker --env-file keeps them)",
            value.p[0]);
}

/* Refuses quotes around the value of one setting: of its variable and, for a secret, of NAME_FILE.
 */
static void check_row_quotes(struct loader *l, const struct config_row *row)
{
    char file_variable[80];

    check_quotes(l, row->name);
    if (row->kind != KIND_SECRET)
        return;
    (void)snprintf(file_variable, sizeof(file_variable), "%s_FILE", row->name);
    check_quotes(l, file_variable);
}

/* Loads one setting by the function for its kind. Errors are counted in l->errors. */
static void load_row(struct loader *l, const struct config_row *row)
{
    switch (row->kind) {
    case KIND_TEXT: load_text(l, row); break;
    case KIND_SECRET: load_secret(l, row); break;
    case KIND_INT: load_int(l, row); break;
    case KIND_NUMBER: load_number(l, row); break;
    case KIND_CHOICE: load_choice(l, row); break;
    }
}

/* Refuses the TLS settings when REDIS_URL does not use TLS: the operator expects encryption, but
 * there would be none. Also refuses a client certificate without its key, and a key without its
 * certificate. */
static void check_redis_tls(struct loader *l, const struct redis_url *url)
{
    const struct config *c = l->config;
    const struct {
        const char *name, *value;
    } rows[] = {
        {"REDIS_CA_FILE", c->redis_ca_file},
        {"REDIS_CERT_FILE", c->redis_cert_file},
        {"REDIS_KEY_FILE", c->redis_key_file},
        {"REDIS_TLS_NAME", c->redis_tls_name},
    };

    for (size_t i = 0; !url->is_secure && i < sizeof(rows) / sizeof(rows[0]); i++)
        if (*rows[i].value)
            config_fail(l, rows[i].name,
                        "REDIS_URL is not for TLS: begin it with rediss:// or unset this");
    if (*c->redis_cert_file && !*c->redis_key_file)
        config_fail(l, "REDIS_KEY_FILE", "REDIS_CERT_FILE needs it");
    if (*c->redis_key_file && !*c->redis_cert_file)
        config_fail(l, "REDIS_CERT_FILE", "REDIS_KEY_FILE needs it");
}

/* Checks the form of REDIS_URL. The message does not show the URL: it may contain a password, which
 * must not reach a log. */
static void check_redis_url(struct loader *l)
{
    struct redis_url url;
    const char *error = redis_url_parse(l->config->redis_url, &url);

    if (error)
        config_fail(l, "REDIS_URL", "%s", error);
    else
        check_redis_tls(l, &url);
}

/* Reports each line of keys (one key a line) that is shorter than HMAC_SECRET_MIN bytes. */
static void check_key_lines(struct loader *l, const char *name, const char *keys)
{
    struct str rest = str_of(keys);

    for (int line = 1; rest.n > 0; line++)
        if (str_trim(str_cut(&rest, '\n')).n < HMAC_SECRET_MIN)
            config_fail(l, name, "line %d is shorter than %d bytes", line, HMAC_SECRET_MIN);
}

/* Checks JWT_SECRET, which only JWT_ALGORITHM HS256 needs. The secret may be NULL although
 * JWT_SECRET_FILE is set: the file could not be read, which load_secret has reported already. */
static void check_hmac_keys(struct loader *l)
{
    const struct config *c = l->config;

    if (strcmp(c->jwt_algorithm, "HS256") != 0)
        return;
    if (!c->jwt_secret && !c->jwt_secret_file)
        config_fail(l, "JWT_SECRET", "JWT_ALGORITHM HS256 needs JWT_SECRET or JWT_SECRET_FILE");
    if (c->jwt_secret)
        check_key_lines(l, c->jwt_secret_file ? "JWT_SECRET_FILE" : "JWT_SECRET", c->jwt_secret);
}

/* Checks the sources of public keys. All algorithms but HS256 need exactly one source. With HS256
 * an identity provider is refused, because its keys would never be fetched; a key file is only
 * ignored. When several sources are set, at least one of them is a provider, which the message
 * names. */
static void check_public_keys(struct loader *l)
{
    const struct config *c = l->config;
    bool has_url = *c->jwt_jwks_url, has_issuer = *c->oidc_issuer;
    const char *name = has_url ? "JWT_JWKS_URL" : "OIDC_ISSUER";
    int sources = has_url + has_issuer + (*c->jwt_public_key_file != '\0');

    if (is_choice(STR("RS256|PS256|ES256|EdDSA"), str_of(c->jwt_algorithm))) {
        if (sources == 0)
            config_fail(l, "JWT_PUBLIC_KEY_FILE",
                        "JWT_ALGORITHM %s needs JWT_PUBLIC_KEY_FILE, JWT_JWKS_URL or OIDC_ISSUER",
                        c->jwt_algorithm);
        else if (sources > 1)
            config_fail(l, name,
                        "only one of JWT_PUBLIC_KEY_FILE, JWT_JWKS_URL and OIDC_ISSUER may be set; "
                        "with JWT_JWKS_URL, JWT_ISSUER names the issuer");
    } else if (has_url || has_issuer) {
        config_fail(l, name, "needs JWT_ALGORITHM RS256, PS256, ES256 or EdDSA");
    }
}

/* Checks the URL from which keys are fetched; an empty URL means that it is not set. In
 * development, the URL of any host may begin with http://. */
static void check_key_url(struct loader *l, const char *name, const char *url)
{
    const char *error =
        *url ? https_url_error(str_of(url), config_is_development(l->config)) : NULL;

    if (error)
        config_fail(l, name, "\"%s\" %s", url, error);
}

/* Fills the settings whose default depends on another setting: JWT_ISSUER is OIDC_ISSUER, and the
 * file for the provider's keys is METRICS_FILE with ".keys" at its end, because the same processes
 * share both files. The path stays empty when out of memory. */
static void derive_settings(struct loader *l)
{
    struct config *c = l->config;
    char *path = NULL;

    if (!*c->jwt_issuer && *c->oidc_issuer) {
        wipe_and_free(c->jwt_issuer);
        set_text(l, "JWT_ISSUER", offsetof(struct config, jwt_issuer), str_of(c->oidc_issuer));
    }
    if (!*c->jwt_jwks_cache_file && asprintf(&path, "%s.keys", c->metrics_file) >= 0) {
        wipe_and_free(c->jwt_jwks_cache_file);
        c->jwt_jwks_cache_file = path;
    }
}

/* Checks the name of a claim. A name that begins with / is a JSON Pointer, in which each ~ must be
 * followed by 0 or 1 (RFC 6901, section 3). */
static void check_claim(struct loader *l, const char *name, const char *claim)
{
    if (claim[0] != '/')
        return;
    for (const char *tilde = claim; (tilde = strchr(tilde, '~')); tilde++)
        if (tilde[1] != '0' && tilde[1] != '1') {
            config_fail(l, name, "in a JSON Pointer a name has ~0 for ~, and ~1 for /");
            return;
        }
}

/* Checks that each entry of JWT_ROLE_MAP is word=role, where the role is one that users have. */
static void check_role_map(struct loader *l)
{
    struct str list = str_of(l->config->jwt_role_map);
    struct role_map_entry entry;

    while (role_map_next(&list, &entry))
        if (entry.word.n == 0 || !is_choice(STR("student|teacher|admin"), entry.role))
            config_fail(l, "JWT_ROLE_MAP",
                        "\"%.*s\" is not of the form word=student, word=teacher or word=admin",
                        STR_ARG(entry.text));
}

/* Checks that CALLBACK_SECRET is set when CALLBACK_HOSTS is, and that it is long enough: without
 * the secret, the receiver of a callback could not verify who sent it. The secret may be NULL
 * although CALLBACK_SECRET_FILE is set: the file could not be read, which load_secret has reported
 * already. */
static void check_callbacks(struct loader *l)
{
    const struct config *c = l->config;

    if (*c->callback_hosts && !c->callback_secret && !c->callback_secret_file)
        config_fail(l, "CALLBACK_SECRET",
                    "CALLBACK_HOSTS needs CALLBACK_SECRET or CALLBACK_SECRET_FILE");
    if (c->callback_secret && strlen(c->callback_secret) < HMAC_SECRET_MIN)
        config_fail(l, c->callback_secret_file ? "CALLBACK_SECRET_FILE" : "CALLBACK_SECRET",
                    "is shorter than %d bytes", HMAC_SECRET_MIN);
}

/* Checks that each line of XAPI_CREDENTIALS is key:hash:note. The message has the number of the
 * line but not its text, which may contain a secret. */
static void check_xapi_credentials(struct loader *l)
{
    const struct config *c = l->config;
    const char *name = c->xapi_credentials_file ? "XAPI_CREDENTIALS_FILE" : "XAPI_CREDENTIALS";
    struct str text = str_of(c->xapi_credentials);
    struct credential credential = {.line = 0};

    while (credentials_next(&text, &credential)) {
        const char *fault = credential_fault(&credential);

        if (fault)
            config_fail(l, name, "line %d is not of the form key:hash:note: %s", credential.line,
                        fault);
    }
}

/* Checks that each entry of WEBHOOK_ORIGINS is * or a DNS name. The engine sends the entry in a
 * response header, where a line break, for example, would end the header. */
static void check_webhook_origins(struct loader *l)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    struct str rest = str_of(l->config->webhook_origins);

    while (rest.n > 0) {
        struct str word = str_trim(str_cut(&rest, ','));
        size_t n = 0;

        while (n < word.n && strchr(allowed, word.p[n]))
            n++;
        if (word.n == 0 || (n < word.n && !str_equal(word, STR("*"))))
            config_fail(l, "WEBHOOK_ORIGINS",
                        "\"%.*s\" is neither * nor a DNS name like events.example.org",
                        STR_ARG(word));
    }
}

/* Makes the checks that concern several settings, and those that the type of a row cannot express.
 */
static void check_rows_together(struct loader *l)
{
    check_redis_url(l);
    check_hmac_keys(l);
    check_public_keys(l);
    check_key_url(l, "JWT_JWKS_URL", l->config->jwt_jwks_url);
    check_key_url(l, "OIDC_ISSUER", l->config->oidc_issuer);
    check_claim(l, "JWT_SUBJECT_CLAIM", l->config->jwt_subject_claim);
    check_claim(l, "JWT_ROLE_CLAIM", l->config->jwt_role_claim);
    check_role_map(l);
    if (l->config->audit_key)
        check_key_lines(l, l->config->audit_key_file ? "AUDIT_KEY_FILE" : "AUDIT_KEY",
                        l->config->audit_key);
    check_callbacks(l);
    check_xapi_credentials(l);
    check_webhook_origins(l);
}

bool config_is_development(const struct config *config)
{
    return strcmp(config->environment, "development") == 0;
}

const char *config_environment(const char *name)
{
    return getenv(name);
}

/* Loads each setting on its own, then makes the checks that concern several settings. Those checks
 * read texts, so they are skipped when a text is NULL because its copy failed. */
int config_load(struct config *config, config_source *source, FILE *errors)
{
    struct loader l = {.config = config, .source = source, .out = errors};

    *config = (struct config){0};
    for (size_t i = 0; i < config_row_count; i++) {
        check_row_quotes(&l, &config_rows[i]);
        load_row(&l, &config_rows[i]);
    }
    if (!l.out_of_memory) {
        check_rows_together(&l);
        derive_settings(&l);
    }
    return l.errors;
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

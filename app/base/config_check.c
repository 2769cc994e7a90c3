/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules for settings that a row of config.def cannot express: about the form of one text, or
 * about several settings together. An error message never shows a secret. */
#include "app/base/config_check.h"

#include <stdarg.h>

#include "app/base/credentials.h"
#include "app/base/https_url.h"
#include "app/base/redis_url.h"
#include "app/base/role_map.h"

enum { HMAC_SECRET_MIN = 32 }; /* bytes of an HMAC secret, at least */

void config_fail(struct config_loader *loader, const char *name, const char *format, ...)
{
    va_list args;

    loader->errors++;
    (void)fprintf(loader->out, "%s: ", name);
    va_start(args, format);
    (void)vfprintf(loader->out, format, args);
    va_end(args);
    (void)fputc('\n', loader->out);
}

const char *config_variable(const struct config_loader *loader, const char *name)
{
    const char *value = loader->source(name);

    return value && *value ? value : NULL;
}

bool config_is_choice(struct str choices, struct str value)
{
    while (choices.n > 0)
        if (str_equal(str_cut(&choices, '|'), value))
            return true;
    return false;
}

/* Refuses a value that begins and ends with the same kind of quote. systemd and shells remove such
 * quotes from an env file, but docker --env-file keeps them: the same secret would then have two
 * more characters. The message does not show the value. */
static void check_quotes(struct config_loader *loader, const char *name)
{
    struct str value = str_of(config_variable(loader, name));

    if (value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'') &&
        value.p[value.n - 1] == value.p[0])
        config_fail(
            loader, name,
            "the value begins and ends with %c, which would be part of it; remove the quotes "
            "(docker --env-file keeps them)",
            value.p[0]);
}

void config_check_quotes(struct config_loader *loader, const struct config_row *row)
{
    char file_variable[80];

    check_quotes(loader, row->name);
    if (row->kind != KIND_SECRET)
        return;
    (void)snprintf(file_variable, sizeof(file_variable), "%s_FILE", row->name);
    check_quotes(loader, file_variable);
}

/* Refuses the TLS settings when REDIS_URL does not use TLS: the operator expects encryption, but
 * there would be none. Also refuses a client certificate without its key, and a key without its
 * certificate. */
static void check_redis_tls(struct config_loader *loader, const struct redis_url *url)
{
    const struct config *config = loader->config;
    const struct {
        const char *name, *value;
    } rows[] = {
        {"REDIS_CA_FILE", config->redis_ca_file},
        {"REDIS_CERT_FILE", config->redis_cert_file},
        {"REDIS_KEY_FILE", config->redis_key_file},
        {"REDIS_TLS_NAME", config->redis_tls_name},
    };

    for (size_t i = 0; !url->is_secure && i < sizeof(rows) / sizeof(rows[0]); i++)
        if (*rows[i].value)
            config_fail(loader, rows[i].name,
                        "REDIS_URL is not for TLS: begin it with rediss:// or unset this");
    if (*config->redis_cert_file && !*config->redis_key_file)
        config_fail(loader, "REDIS_KEY_FILE", "REDIS_CERT_FILE needs it");
    if (*config->redis_key_file && !*config->redis_cert_file)
        config_fail(loader, "REDIS_CERT_FILE", "REDIS_KEY_FILE needs it");
}

/* Checks the form of REDIS_URL. The message does not show the URL: it may contain a password, which
 * must not reach a log. */
static void check_redis_url(struct config_loader *loader)
{
    struct redis_url url;
    const char *error = redis_url_parse(loader->config->redis_url, &url);

    if (error)
        config_fail(loader, "REDIS_URL", "%s", error);
    else
        check_redis_tls(loader, &url);
}

/* Reports each line of keys (one key a line) that is shorter than HMAC_SECRET_MIN bytes. */
static void check_key_lines(struct config_loader *loader, const char *name, const char *keys)
{
    struct str rest = str_of(keys);

    for (int line = 1; rest.n > 0; line++)
        if (str_trim(str_cut(&rest, '\n')).n < HMAC_SECRET_MIN)
            config_fail(loader, name, "line %d is shorter than %d bytes", line, HMAC_SECRET_MIN);
}

/* Checks JWT_SECRET, which only JWT_ALGORITHM HS256 needs. The secret may be NULL although
 * JWT_SECRET_FILE is set: the file could not be read, which config_load has reported already. */
static void check_hmac_keys(struct config_loader *loader)
{
    const struct config *config = loader->config;

    if (strcmp(config->jwt_algorithm, "HS256") != 0)
        return;
    if (!config->jwt_secret && !config->jwt_secret_file)
        config_fail(loader, "JWT_SECRET",
                    "JWT_ALGORITHM HS256 needs JWT_SECRET or JWT_SECRET_FILE");
    if (config->jwt_secret)
        check_key_lines(loader, config->jwt_secret_file ? "JWT_SECRET_FILE" : "JWT_SECRET",
                        config->jwt_secret);
}

/* Checks the sources of public keys. All algorithms but HS256 need exactly one source. With HS256
 * an identity provider is refused, because its keys would never be fetched; a key file is only
 * ignored. When several sources are set, at least one of them is a provider, which the message
 * names. */
static void check_public_keys(struct config_loader *loader)
{
    const struct config *config = loader->config;
    bool has_url = *config->jwt_jwks_url, has_issuer = *config->oidc_issuer;
    const char *name = has_url ? "JWT_JWKS_URL" : "OIDC_ISSUER";
    int sources = has_url + has_issuer + (*config->jwt_public_key_file != '\0');

    if (config_is_choice(STR("RS256|PS256|ES256|EdDSA"), str_of(config->jwt_algorithm))) {
        if (sources == 0)
            config_fail(loader, "JWT_PUBLIC_KEY_FILE",
                        "JWT_ALGORITHM %s needs JWT_PUBLIC_KEY_FILE, JWT_JWKS_URL or OIDC_ISSUER",
                        config->jwt_algorithm);
        else if (sources > 1)
            config_fail(loader, name,
                        "only one of JWT_PUBLIC_KEY_FILE, JWT_JWKS_URL and OIDC_ISSUER may be set; "
                        "with JWT_JWKS_URL, JWT_ISSUER names the issuer");
    } else if (has_url || has_issuer) {
        config_fail(loader, name, "needs JWT_ALGORITHM RS256, PS256, ES256 or EdDSA");
    }
}

/* Checks the URL from which keys are fetched; an empty URL means that it is not set. In
 * development, the URL of any host may begin with http://. */
static void check_key_url(struct config_loader *loader, const char *name, const char *url)
{
    const char *error =
        *url ? https_url_error(str_of(url), config_is_development(loader->config)) : NULL;

    if (error)
        config_fail(loader, name, "\"%s\" %s", url, error);
}

/* Checks the name of a claim. A name that begins with / is a JSON Pointer, in which each ~ must be
 * followed by 0 or 1 (RFC 6901, section 3). */
static void check_claim(struct config_loader *loader, const char *name, const char *claim)
{
    if (claim[0] != '/')
        return;
    for (const char *tilde = claim; (tilde = strchr(tilde, '~')); tilde++)
        if (tilde[1] != '0' && tilde[1] != '1') {
            config_fail(loader, name, "in a JSON Pointer a name has ~0 for ~, and ~1 for /");
            return;
        }
}

/* Checks that each entry of JWT_ROLE_MAP is word=role, where the role is one that users have. */
static void check_role_map(struct config_loader *loader)
{
    struct str list = str_of(loader->config->jwt_role_map);
    struct role_map_entry entry;

    while (role_map_next(&list, &entry))
        if (entry.word.n == 0 || !config_is_choice(STR("student|teacher|admin"), entry.role))
            config_fail(loader, "JWT_ROLE_MAP",
                        "\"%.*s\" is not of the form word=student, word=teacher or word=admin",
                        STR_ARG(entry.text));
}

/* Checks that CALLBACK_SECRET is set when CALLBACK_HOSTS is, and that it is long enough: without
 * the secret, the receiver of a callback could not verify who sent it. The secret may be NULL
 * although CALLBACK_SECRET_FILE is set: the file could not be read, which config_load has reported
 * already. */
static void check_callbacks(struct config_loader *loader)
{
    const struct config *config = loader->config;

    if (*config->callback_hosts && !config->callback_secret && !config->callback_secret_file)
        config_fail(loader, "CALLBACK_SECRET",
                    "CALLBACK_HOSTS needs CALLBACK_SECRET or CALLBACK_SECRET_FILE");
    if (config->callback_secret && strlen(config->callback_secret) < HMAC_SECRET_MIN)
        config_fail(loader,
                    config->callback_secret_file ? "CALLBACK_SECRET_FILE" : "CALLBACK_SECRET",
                    "is shorter than %d bytes", HMAC_SECRET_MIN);
}

/* Checks that each line of XAPI_CREDENTIALS is key:hash:note. The message has the number of the
 * line but not its text, which may contain a secret. */
static void check_xapi_credentials(struct config_loader *loader)
{
    const struct config *config = loader->config;
    const char *name = config->xapi_credentials_file ? "XAPI_CREDENTIALS_FILE" : "XAPI_CREDENTIALS";
    struct str text = str_of(config->xapi_credentials);
    struct credential credential = {.line = 0};

    while (credentials_next(&text, &credential)) {
        const char *fault = credential_fault(&credential);

        if (fault)
            config_fail(loader, name, "line %d is not of the form key:hash:note: %s",
                        credential.line, fault);
    }
}

/* Checks that each entry of WEBHOOK_ORIGINS is * or a DNS name. The engine sends the entry in a
 * response header, where a line break, for example, would end the header. */
static void check_webhook_origins(struct config_loader *loader)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    struct str rest = str_of(loader->config->webhook_origins);

    while (rest.n > 0) {
        struct str word = str_trim(str_cut(&rest, ','));
        size_t n = 0;

        while (n < word.n && strchr(allowed, word.p[n]))
            n++;
        if (word.n == 0 || (n < word.n && !str_equal(word, STR("*"))))
            config_fail(loader, "WEBHOOK_ORIGINS",
                        "\"%.*s\" is neither * nor a DNS name like events.example.org",
                        STR_ARG(word));
    }
}

void config_check_together(struct config_loader *loader)
{
    check_redis_url(loader);
    check_hmac_keys(loader);
    check_public_keys(loader);
    check_key_url(loader, "JWT_JWKS_URL", loader->config->jwt_jwks_url);
    check_key_url(loader, "OIDC_ISSUER", loader->config->oidc_issuer);
    check_claim(loader, "JWT_SUBJECT_CLAIM", loader->config->jwt_subject_claim);
    check_claim(loader, "JWT_ROLE_CLAIM", loader->config->jwt_role_claim);
    check_role_map(loader);
    if (loader->config->audit_key)
        check_key_lines(loader, loader->config->audit_key_file ? "AUDIT_KEY_FILE" : "AUDIT_KEY",
                        loader->config->audit_key);
    check_callbacks(loader);
    check_xapi_credentials(loader);
    check_webhook_origins(loader);
}

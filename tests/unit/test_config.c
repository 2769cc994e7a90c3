/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/config.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

void config_tests(void);

#define SECRET_A "0123456789abcdef0123456789abcdef"
#define SECRET_B "fedcba9876543210fedcba9876543210"

/* The environment of the current test: name, value, name, value, NULL. */
static const char *const *environment;

static const char *from_test(const char *name)
{
    for (const char *const *e = environment; *e; e += 2)
        if (strcmp(*e, name) == 0)
            return e[1];
    return NULL;
}

static struct config config;
static char *errors;

static int load(const char *const *variables)
{
    size_t size = 0;
    FILE *out = open_memstream(&errors, &size);

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    environment = variables;
    int n = config_load(&config, from_test, out);
    (void)fclose(out);
    return n;
}

static void done(void)
{
    config_release(&config);
    free(errors);
    errors = NULL;
}

#define VARIABLES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void presets_fill_what_is_not_set(void)
{
    CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A)), 0);
    CU_ASSERT_STRING_EQUAL(errors, "");
    CU_ASSERT_STRING_EQUAL(config.environment, "production");
    CU_ASSERT_STRING_EQUAL(config.log_level, "info");
    CU_ASSERT_STRING_EQUAL(config.redis_url, "redis://127.0.0.1:6379/0");
    CU_ASSERT_STRING_EQUAL(config.jwt_issuer, "");
    CU_ASSERT_EQUAL(config.store_round_timeout_ms, 1000);
    CU_ASSERT_EQUAL(config.max_requests, 1000000);
    CU_ASSERT_STRING_EQUAL(config.jwt_secret, SECRET_A);
    CU_ASSERT_PTR_NULL(config.jwt_secret_file);
    CU_ASSERT_PTR_NULL(config.redis_password);
    done();
}

static void variables_replace_presets(void)
{
    CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A "\n" SECRET_B "\n", "ENVIRONMENT", "test",
                                   "LOG_LEVEL", "debug", "MAX_REQUESTS", "0", "JWT_ISSUER", "me",
                                   "REDIS_URL", "unix:///run/redis.sock")),
                    0);
    CU_ASSERT_STRING_EQUAL(config.environment, "test");
    CU_ASSERT_STRING_EQUAL(config.log_level, "debug");
    CU_ASSERT_EQUAL(config.max_requests, 0);
    CU_ASSERT_STRING_EQUAL(config.jwt_issuer, "me");
    CU_ASSERT_STRING_EQUAL(config.redis_url, "unix:///run/redis.sock");
    CU_ASSERT_STRING_EQUAL(config.jwt_secret, SECRET_A "\n" SECRET_B);
    done();
}

static void empty_variables_count_as_not_set(void)
{
    CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A, "JWT_SECRET_FILE", "", "ENVIRONMENT", "",
                                   "MAX_REQUESTS", "", "REDIS_URL", "", "LOG_KEY", " \n")),
                    0);
    CU_ASSERT_STRING_EQUAL(config.environment, "production");
    CU_ASSERT_EQUAL(config.max_requests, 1000000);
    CU_ASSERT_PTR_NULL(config.log_key);
    done();
}

static void wrong_values_are_named_with_what_is_permitted(void)
{
    static const struct {
        const char *name, *value, *error;
    } rows[] = {
        {"LOG_LEVEL", "loud", "LOG_LEVEL: \"loud\" is not one of debug|info|warning|error\n"},
        {"LOG_LEVEL", "inf", "LOG_LEVEL: \"inf\" is not one of debug|info|warning|error\n"},
        {"LOG_LEVEL", "info|debug",
         "LOG_LEVEL: \"info|debug\" is not one of debug|info|warning|error\n"},
        {"LOG_LEVEL", "INFO", "LOG_LEVEL: \"INFO\" is not one of debug|info|warning|error\n"},
        {"STORE_ROUND_TIMEOUT_MS", "9",
         "STORE_ROUND_TIMEOUT_MS: \"9\" is not a whole number from 10 to 5000\n"},
        {"STORE_ROUND_TIMEOUT_MS", "5001",
         "STORE_ROUND_TIMEOUT_MS: \"5001\" is not a whole number from 10 to 5000\n"},
        {"STORE_ROUND_TIMEOUT_MS", "200ms",
         "STORE_ROUND_TIMEOUT_MS: \"200ms\" is not a whole number from 10 to 5000\n"},
        {"STORE_ROUND_TIMEOUT_MS", "1e3",
         "STORE_ROUND_TIMEOUT_MS: \"1e3\" is not a whole number from 10 to 5000\n"},
        {"INTERVENTION_REVIEW", "1.01",
         "INTERVENTION_REVIEW: \"1.01\" is not a number from 0 to 1\n"},
        {"PREDICTION_INTERVAL", "nan",
         "PREDICTION_INTERVAL: \"nan\" is not a number from 0.5 to 0.999\n"},
        {"PREDICTION_INTERVAL", "0.9x",
         "PREDICTION_INTERVAL: \"0.9x\" is not a number from 0.5 to 0.999\n"},
        {"JWT_ALGORITHM", "none",
         "JWT_ALGORITHM: \"none\" is not one of HS256|RS256|PS256|ES256|EdDSA\n"},
        {"JWT_ALGORITHM", "RS256",
         "JWT_PUBLIC_KEY_FILE: JWT_ALGORITHM RS256 needs JWT_PUBLIC_KEY_FILE, JWT_JWKS_URL or "
         "OIDC_ISSUER\n"},
        {"JWT_ALGORITHM", "ES256",
         "JWT_PUBLIC_KEY_FILE: JWT_ALGORITHM ES256 needs JWT_PUBLIC_KEY_FILE, JWT_JWKS_URL or "
         "OIDC_ISSUER\n"},
        {"WEBHOOK_ORIGINS", "https://a.example",
         "WEBHOOK_ORIGINS: \"https://a.example\" is neither * nor a DNS name like "
         "events.example.org\n"},
        {"WEBHOOK_ORIGINS", "a.example,,b.example",
         "WEBHOOK_ORIGINS: \"\" is neither * nor a DNS name like events.example.org\n"},
        {"WEBHOOK_ORIGINS", "a.example, **",
         "WEBHOOK_ORIGINS: \"**\" is neither * nor a DNS name like events.example.org\n"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A, rows[i].name, rows[i].value)), 1);
        CU_ASSERT_STRING_EQUAL(errors, rows[i].error);
        done();
    }
}

static void limits_of_numbers_are_permitted(void)
{
    CU_ASSERT_EQUAL(
        load(VARIABLES("JWT_SECRET", SECRET_A, "STORE_ROUND_TIMEOUT_MS", "10", "MAX_REQUESTS",
                       "1000000000", "PREDICTION_INTERVAL", "0.999", "INTERVENTION_TUTORING", "0")),
        0);
    CU_ASSERT_DOUBLE_EQUAL(config.prediction_interval, 0.999, 0);
    CU_ASSERT_DOUBLE_EQUAL(config.intervention_tutoring, 0, 0);
    CU_ASSERT_DOUBLE_EQUAL(config.intervention_practice, 0.1, 0);
    CU_ASSERT_EQUAL(config.store_round_timeout_ms, 10);
    CU_ASSERT_EQUAL(config.max_requests, 1000000000);
    done();
}

static void all_errors_are_reported_at_once(void)
{
    CU_ASSERT_EQUAL(load(VARIABLES("LOG_LEVEL", "x", "MAX_REQUESTS", "-1", "REDIS_URL", "http://h",
                                   "REDIS_PASSWORD_FILE", "/nowhere/at/all")),
                    5);
    CU_ASSERT_PTR_NOT_NULL(strstr(errors, "LOG_LEVEL: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(errors, "MAX_REQUESTS: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(errors, "REDIS_URL: "));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(errors, "REDIS_PASSWORD_FILE: /nowhere/at/all: No such file or directory\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(errors, "JWT_SECRET: "));
    done();
}

static void addresses_of_redis_are_accepted(void)
{
    static const char *const good[] = {
        "unix:///run/redis.sock",    "redis://localhost",
        "redis://127.0.0.1:6379",    "redis://127.0.0.1:6379/",
        "redis://redis-1.example/3", "redis://app@redis:65535/15",
        "redis://[::1]:6379/0",      "redis://[fe80::1]",
        "rediss://redis.example/3",  "redis+sentinel://s1,s2:1,s3/mymaster/0",
    };

    for (size_t i = 0; i < COUNT(good); i++) {
        CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A, "REDIS_URL", good[i])), 0);
        CU_ASSERT_STRING_EQUAL(errors, "");
        done();
    }
}

static void other_addresses_are_refused_with_their_reason(void)
{
    static const struct {
        const char *url, *reason;
    } rows[] = {
        {"redis+tls://redis:6379", "rediss://"},
        {"http://redis", "must begin with redis://"},
        {"redis:6379", "must begin with"},
        {"redis://", "host"},
        {"redis://:6379", "host"},
        {"redis://a b", "host"},
        {"redis://[::1", "host"},
        {"redis://[]", "host"},
        {"redis://[x]", "host"},
        {"redis://[::1]6379", "port"},
        {"redis://h:", "port"},
        {"redis://h:0", "port"},
        {"redis://h:65536", "port"},
        {"redis://h:6379x", "port"},
        {"redis://h:1:2", "port"},
        {"redis://h/x", "database"},
        {"redis://h/-1", "database"},
        {"redis://h/1/2", "database"},
        {"redis://@h", "user"},
        {"redis://u:hunter2@h", "REDIS_PASSWORD"},
        {"unix://run/redis.sock", "begin with /"},
        {"unix://", "begin with /"},
        {"unix:///2345678901234567890123456789012345678901234567890123456789012345678901234567890"
         "123456789012345678901234567x",
         "107 bytes"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A, "REDIS_URL", rows[i].url)), 1);
        CU_ASSERT_PTR_EQUAL(strstr(errors, "REDIS_URL: "), errors);
        CU_ASSERT_PTR_NOT_NULL(strstr(errors, rows[i].reason));
        CU_ASSERT_PTR_NULL(strstr(errors, "hunter2"));
        done();
    }
}

static void secrets_of_hs256_have_32_bytes_or_more(void)
{
    CU_ASSERT_EQUAL(load(VARIABLES("LOG_LEVEL", "info")), 1);
    CU_ASSERT_STRING_EQUAL(errors,
                           "JWT_SECRET: JWT_ALGORITHM HS256 needs JWT_SECRET or JWT_SECRET_FILE\n");
    done();
    CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", "0123456789abcdef0123456789abcde")), 1);
    CU_ASSERT_STRING_EQUAL(errors, "JWT_SECRET: line 1 is shorter than 32 bytes\n");
    done();
    CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A "\nshort\n\n" SECRET_B)), 2);
    CU_ASSERT_STRING_EQUAL(errors, "JWT_SECRET: line 2 is shorter than 32 bytes\n"
                                   "JWT_SECRET: line 3 is shorter than 32 bytes\n");
    done();
}

static void callbacks_need_a_secret_of_32_bytes(void)
{
    CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A)), 0);
    CU_ASSERT_STRING_EQUAL(config.callback_hosts, "");
    CU_ASSERT_FALSE(config.callback_allow_http || config.callback_allow_private);
    done();
    CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A, "CALLBACK_HOSTS", "a.example")), 1);
    CU_ASSERT_STRING_EQUAL(
        errors, "CALLBACK_SECRET: CALLBACK_HOSTS needs CALLBACK_SECRET or CALLBACK_SECRET_FILE\n");
    done();
    CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A, "CALLBACK_SECRET", "short")), 1);
    CU_ASSERT_STRING_EQUAL(errors, "CALLBACK_SECRET: is shorter than 32 bytes\n");
    done();
    CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A, "CALLBACK_HOSTS", "a.example",
                                   "CALLBACK_SECRET", SECRET_B)),
                    0);
    done();
}

#define HASH "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"

static void credentials_are_lines_of_key_hash_and_note(void)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"# tools\n\n a|b@c:" HASH ":note: with a colon\r\nkey:" HASH "\n", ""},
        {"key", "line 1 is not of the form key:hash:note: the hash of the secret has not 64"},
        {"\nkey:" HASH "0:", "line 2 is not of the form key:hash:note: the hash of the secret"},
        {"key:x" HASH ":", "line 1 is not of the form key:hash:note: the hash of the secret"},
        {"key:g123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef:", "line 1 is not"},
        {":" HASH ":", "line 1 is not of the form key:hash:note: the key has not 1 to 64 of"},
        {"a b:" HASH ":", "line 1 is not of the form key:hash:note: the key has not 1 to 64 of"},
        {"key:" HASH ":\n" HASH "x:" HASH ":", "line 2 is not of the form"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int n = load(VARIABLES("JWT_SECRET", SECRET_A, "XAPI_CREDENTIALS", rows[i].text));

        CU_ASSERT_EQUAL(n, *rows[i].error ? 1 : 0);
        CU_ASSERT_TRUE(*rows[i].error ? strstr(errors, rows[i].error) != NULL : !*errors);
        CU_ASSERT_PTR_NULL(strstr(errors, "abcdef")); /* no part of a hash */
        done();
    }
}

static void public_key_algorithms_need_no_secret(void)
{
    CU_ASSERT_EQUAL(load(VARIABLES("JWT_ALGORITHM", "RS256", "JWT_PUBLIC_KEY_FILE", "/k.pem")), 0);
    CU_ASSERT_STRING_EQUAL(config.jwt_public_key_file, "/k.pem");
    done();
}

/* Makes a file with these bytes and returns its name, which is static. */
static const char *file_with(struct str bytes)
{
    static char path[64];
    const char *directory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    (void)snprintf(path, sizeof(path), "%s/test_config.XXXXXX", directory);
    int fd = mkstemp(path);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, bytes.p, bytes.n), (ssize_t)bytes.n);
    (void)close(fd);
    return path;
}

static void files_of_secrets_win_over_variables(void)
{
    const char *path = file_with(STR(SECRET_B "\r\n\n"));

    CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A, "JWT_SECRET_FILE", path)), 0);
    CU_ASSERT_STRING_EQUAL(config.jwt_secret, SECRET_B);
    CU_ASSERT_STRING_EQUAL(config.jwt_secret_file, path);
    done();
    (void)unlink(path);
    CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A, "JWT_SECRET_FILE", path)), 1);
    CU_ASSERT_PTR_EQUAL(strstr(errors, "JWT_SECRET_FILE: "), errors);
    done();
}

static void short_secrets_name_their_file_and_not_themselves(void)
{
    const char *path = file_with(STR("hunter2\n"));

    CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET_FILE", path)), 1);
    CU_ASSERT_STRING_EQUAL(errors, "JWT_SECRET_FILE: line 1 is shorter than 32 bytes\n");
    done();
    (void)unlink(path);
}

static void files_that_hold_no_secret_are_errors(void)
{
    static const struct {
        struct str bytes;
        const char *reason;
    } rows[] = {
        {STR_INIT(""), "the file is empty"},
        {STR_INIT(" \n\n"), "the file is empty"},
        {STR_INIT("a\0b"), "there is a NUL in it"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *path = file_with(rows[i].bytes);
        CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A, "APP_API_TOKEN_FILE", path)), 1);
        CU_ASSERT_PTR_EQUAL(strstr(errors, "APP_API_TOKEN_FILE: "), errors);
        CU_ASSERT_PTR_NOT_NULL(strstr(errors, rows[i].reason));
        CU_ASSERT_PTR_NULL(config.app_api_token);
        done();
        (void)unlink(path);
    }
    CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A, "LOG_KEY_FILE", "/")), 1);
    CU_ASSERT_STRING_EQUAL(errors, "LOG_KEY_FILE: /: Is a directory\n");
    done();
}

static void secret_files_have_64_kib_at_most(void)
{
    static char bytes[65537];

    memset(bytes, 'k', sizeof(bytes));
    const char *path = file_with((struct str){bytes, 65536});
    char *secret = config_read_secret_file(path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(secret);
    CU_ASSERT_EQUAL(strlen(secret), 65536);
    free(secret);
    (void)unlink(path);
    path = file_with((struct str){bytes, sizeof(bytes)});
    errno = 0;
    CU_ASSERT_PTR_NULL(config_read_secret_file(path));
    CU_ASSERT_EQUAL(errno, EFBIG);
    (void)unlink(path);
}

static char *printed(void print(FILE *))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    print(out);
    (void)fclose(out);
    return text;
}

static void print_loaded(FILE *out)
{
    config_print(&config, out);
}

static void printing_shows_every_setting_but_no_secret(void)
{
    CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A)), 0);
    char *text = printed(print_loaded);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "ENVIRONMENT=production\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "JWT_SECRET=(set)\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "REDIS_PASSWORD=(not set)\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "JWT_ISSUER=\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "STORE_ROUND_TIMEOUT_MS=1000\n"));
    CU_ASSERT_PTR_NULL(strstr(text, SECRET_A));
    free(text);
    done();
}

static void the_markdown_table_has_a_row_for_every_setting(void)
{
    char *text = printed(config_print_markdown);

#define TEXT(name, member, preset, about)                                                          \
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "| `" #name "` | text | "));
#define SECRET(name, member, about)                                                                \
    CU_ASSERT_PTR_NOT_NULL(                                                                        \
        strstr(text, "| `" #name "` | secret, or its file in `" #name "_FILE` | not set | "));
#define INT(name, member, preset, min, max, about)                                                 \
    CU_ASSERT_PTR_NOT_NULL(                                                                        \
        strstr(text, "| `" #name "` | " #min " to " #max " | `" #preset "` | " about " |\n"));
#define NUMBER(name, member, preset, min, max, about)                                              \
    CU_ASSERT_PTR_NOT_NULL(                                                                        \
        strstr(text, "| `" #name "` | " #min " to " #max " | `" #preset "` | " about " |\n"));
#define CHOICE(name, member, preset, choices, about)                                               \
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "| `" #name "` | `"));
#include "app/base/config.def"
#undef TEXT
#undef SECRET
#undef INT
#undef NUMBER
#undef CHOICE
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "| `debug`, `info`, `warning`, `error` | `info` | "));
    free(text);
}

static void releasing_twice_or_nothing_is_harmless(void)
{
    CU_ASSERT_EQUAL(load(VARIABLES("JWT_SECRET", SECRET_A)), 0);
    config_release(&config);
    CU_ASSERT_PTR_NULL(config.jwt_secret);
    done();
    config_release(NULL);
}

void config_tests(void)
{
    CU_pSuite suite = CU_add_suite("config", NULL, NULL);

    CU_ADD_TEST(suite, presets_fill_what_is_not_set);
    CU_ADD_TEST(suite, variables_replace_presets);
    CU_ADD_TEST(suite, empty_variables_count_as_not_set);
    CU_ADD_TEST(suite, wrong_values_are_named_with_what_is_permitted);
    CU_ADD_TEST(suite, limits_of_numbers_are_permitted);
    CU_ADD_TEST(suite, all_errors_are_reported_at_once);
    CU_ADD_TEST(suite, addresses_of_redis_are_accepted);
    CU_ADD_TEST(suite, other_addresses_are_refused_with_their_reason);
    CU_ADD_TEST(suite, secrets_of_hs256_have_32_bytes_or_more);
    CU_ADD_TEST(suite, callbacks_need_a_secret_of_32_bytes);
    CU_ADD_TEST(suite, credentials_are_lines_of_key_hash_and_note);
    CU_ADD_TEST(suite, public_key_algorithms_need_no_secret);
    CU_ADD_TEST(suite, files_of_secrets_win_over_variables);
    CU_ADD_TEST(suite, short_secrets_name_their_file_and_not_themselves);
    CU_ADD_TEST(suite, files_that_hold_no_secret_are_errors);
    CU_ADD_TEST(suite, secret_files_have_64_kib_at_most);
    CU_ADD_TEST(suite, printing_shows_every_setting_but_no_secret);
    CU_ADD_TEST(suite, the_markdown_table_has_a_row_for_every_setting);
    CU_ADD_TEST(suite, releasing_twice_or_nothing_is_harmless);
}

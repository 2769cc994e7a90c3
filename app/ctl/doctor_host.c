/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checks of this host: configuration, files, keys, and services that are reached by HTTP. The
 * pool is the processes of mastery-fcgi, which serve the requests that nginx passes on. */
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "app/auth/key_copy.h"
#include "app/auth/key_fetch.h"
#include "app/auth/public_keys.h"
#include "app/base/clock.h"
#include "app/ctl/doctor.h"
#include "app/ctl/health_check.h"
#include "app/ctl/nginx_locations.h"
#include "app/obs/metrics_sample.h"
#include "app/routes/routes.h"
#include "app/service/catalogue.h"

/* ---- configuration ---- */

/* Removes the line breaks at the end of a text, and replaces all others by semicolons. */
static void doctor_join_lines(char *text)
{
    size_t n = strlen(text);

    while (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    for (char *p = text; *p; p++) {
        if (*p == '\n')
            *p = ';';
    }
}

/* Loads the configuration into the engine, parses the file of recommendations if it can be opened
 * (another machine may have it), and makes the store, which connects later. */
void doctor_configuration(struct doctor *doctor, struct doctor_finding *finding)
{
    static const char advice[] =
        "correct the settings that are named; docs/configuration.md, mastery-ctl config";
    struct config *config = &doctor->engine.config;
    char *errors = NULL, error[CATALOGUE_ERROR_SIZE] = "out of memory";
    size_t n = 0;
    FILE *out = open_memstream(&errors, &n);
    int count = out ? config_load(config, config_environment, out) : 1;

    if (out)
        (void)fclose(out);
    if (count > 0) {
        doctor_join_lines(errors ? errors : error);
        doctor_trouble(doctor, finding, DOCTOR_FAIL, advice, "%s", errors ? errors : error);
    } else if (access(config->recommendations_file, R_OK) == 0 &&
               !catalogue_load(config->recommendations_file, doctor->arena, error)) {
        doctor_trouble(doctor, finding, DOCTOR_FAIL, advice, "RECOMMENDATIONS_FILE: %s", error);
    } else {
        doctor->engine.store = store_new(config, error);
        doctor->has_config = doctor->engine.store;
        if (doctor->has_config)
            doctor_ok(doctor, finding, "valid, %s", config->environment);
        else
            doctor_trouble(doctor, finding, DOCTOR_FAIL, advice, "%s", error);
    }
    free(errors);
}

/* ---- secrets ---- */

/* A file that holds a secret, and the setting that names it. path: NULL or empty: the setting is
 * not used. */
struct secret_file {
    const char *variable, *path;
};

/* Returns what is wrong with the permissions of a file: its group may read it, but not write to it,
 * and other users may do neither. Or returns why the file cannot be examined; NULL when nothing is
 * wrong. */
static const char *secret_fault(const char *path)
{
    struct stat about;

    if (stat(path, &about) != 0)
        return strerror(errno);
    if (about.st_mode & (S_IWGRP | S_IWOTH))
        return "others than the owner may write to it";
    return about.st_mode & (S_IROTH | S_IXOTH) ? "all users may read it" : NULL;
}

/* Checks the permissions of the files of all SECRET settings of config.def, and of two TEXT
 * settings that name files with private keys; the other macros make no row. Reports the first
 * fault. */
void doctor_secrets(struct doctor *doctor, struct doctor_finding *finding)
{
    const struct config *config = &doctor->engine.config;
    const struct secret_file files[] = {
#define TEXT(name, member, default_, description)
#define SECRET(name, member, description) {#name "_FILE", config->member##_file},
#define INT(name, member, default_, min, max, description)
#define NUMBER(name, member, default_, min, max, description)
#define CHOICE(name, member, default_, choices, description)
#include "app/base/config.def"
#undef TEXT
#undef SECRET
#undef INT
#undef NUMBER
#undef CHOICE
        {"JWT_PRIVATE_KEY_FILE", config->jwt_private_key_file},
        {"REDIS_KEY_FILE", config->redis_key_file},
    };
    int checked = 0;

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        const char *fault;

        if (!files[i].path || !*files[i].path)
            continue;
        fault = secret_fault(files[i].path);
        if (fault) {
            doctor_trouble(doctor, finding, DOCTOR_FAIL,
                           "chmod o=,g-w FILE, and chown it to the engine's user", "%s %s: %s",
                           files[i].variable, files[i].path, fault);
            return;
        }
        checked++;
    }
    doctor_ok(doctor, finding,
              checked > 0 ? "%d files, closed to other users" : "none is in a file", checked);
}

/* ---- keys of tokens ---- */

/* Writes the names of the keys, to follow other text: ", kid a, kid b". */
static void keys_print(const struct token_keys *keys, char *ret_text, size_t size)
{
    size_t n = 0;

    ret_text[0] = '\0';
    for (size_t i = 0; i < keys->n && n + 1 < size; i++) {
        if (keys->v[i].kid)
            n += (size_t)snprintf(ret_text + n, size - n, ", kid %.60s", keys->v[i].kid);
    }
}

/* Reports that keys can be used. where: the setting or place that they come from. */
static void keys_report(struct doctor *doctor, struct doctor_finding *finding,
                        const struct token_keys *keys, const char *where)
{
    char names[400];

    keys_print(keys, names, sizeof(names));
    doctor_ok(doctor, finding, "%s, %zu key%s from %s%s", doctor->engine.config.jwt_algorithm,
              keys->n, keys->n == 1 ? "" : "s", where, names);
}

/* Checks the stored copy of the identity provider's keys, which the processes share. */
static void keys_check_copy(struct doctor *doctor, struct doctor_finding *finding)
{
    const struct config *config = &doctor->engine.config;
    struct token_keys keys = {.n = 0};
    struct key_copy copy;
    char error[200], where[80];
    int64_t age_s;

    if (!key_copy_read(config->jwt_jwks_cache_file, key_fetch_source(config), &copy)) {
        doctor_trouble(doctor, finding, DOCTOR_WARN,
                       "run the check as the engine's user, on the host of the pool",
                       "no copy of the provider's keys that belongs to this user, %s",
                       config->jwt_jwks_cache_file);
        return;
    }
    age_s = (clock_wall_ms() - copy.fetched_ms) / 1000;
    (void)snprintf(where, sizeof(where), "the provider, %" PRId64 " s old", age_s);
    if (age_s > config->jwt_jwks_max_age_s)
        doctor_trouble(doctor, finding, DOCTOR_FAIL, "see the row identity provider",
                       "the provider's keys are %" PRId64 " s old, more than JWT_JWKS_MAX_AGE_S",
                       age_s);
    else if (!public_keys_parse_set(copy.text, key_fetch_setting(config), config->jwt_algorithm,
                                    &keys, error))
        doctor_trouble(doctor, finding, DOCTOR_FAIL,
                       "correct JWT_ALGORITHM, or the provider's keys", "%s", error);
    else
        keys_report(doctor, finding, &keys, where);
    token_keys_release(&keys);
    free(copy.memory);
}

/* Checks the keys that verify tokens: those from files and settings or, when a provider has the
 * keys, the copy that the pool uses. */
void doctor_keys(struct doctor *doctor, struct doctor_finding *finding)
{
    const struct config *config = &doctor->engine.config;
    struct token_keys keys = {.n = 0};
    char error[200];

    if (token_keys_by_url(config)) {
        keys_check_copy(doctor, finding);
        return;
    }
    if (token_keys_load(config, &keys, error))
        keys_report(doctor, finding, &keys,
                    strcmp(config->jwt_algorithm, "HS256") == 0 ? "JWT_SECRET"
                                                                : "JWT_PUBLIC_KEY_FILE");
    else
        doctor_trouble(doctor, finding, DOCTOR_FAIL,
                       "correct the keys; docs/security.md, docs/identity.md", "%s", error);
    token_keys_release(&keys);
}

/* Fetches the keys from the identity provider now, as the processes of the pool (mastery-fcgi) do
 * when their copy is old. */
void doctor_provider(struct doctor *doctor, struct doctor_finding *finding)
{
    static const char advice[] =
        "start the provider, or correct the setting; docs/runbooks.md, docs/identity.md";
    const struct config *config = &doctor->engine.config;
    atomic_bool cancelled = false;
    struct token_keys keys = {.n = 0};
    char error[KEY_FETCH_ERROR_SIZE], *text;

    if (!token_keys_by_url(config)) {
        doctor_skip(finding, "none is configured");
        return;
    }
    text = key_fetch(config, &cancelled, error);
    if (text && public_keys_parse_set(str_of(text), key_fetch_setting(config),
                                      config->jwt_algorithm, &keys, error))
        keys_report(doctor, finding, &keys, key_fetch_source(config));
    else
        doctor_trouble(doctor, finding, DOCTOR_FAIL, advice, "%s", error);
    token_keys_release(&keys);
    free(text);
}

/* ---- services by HTTP ---- */

/* Called by libcurl with the response's body, which is not used. */
/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl prescribes the type */
static size_t ignore_body(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    (void)context;
    return size * count;
}

/* Requests a URL without a proxy, like the engine's own requests. Returns the HTTP status; 0 when
 * there is no response: *ret_why is then libcurl's reason. */
static long http_status_of(const char *url, int64_t timeout_s, const char **ret_why)
{
    CURL *curl = curl_easy_init();
    CURLcode result = CURLE_FAILED_INIT;
    long status = 0;

    if (curl) {
        (void)curl_easy_setopt(curl, CURLOPT_URL, url);
        (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
        (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)timeout_s);
        (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore_body);
        result = curl_easy_perform(curl);
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_easy_cleanup(curl);
    *ret_why = curl_easy_strerror(result);
    return result == CURLE_OK ? status : 0;
}

/* Requests the health of the Dapr sidecar and of the components by which it publishes (outbound),
 * as the workers do before they publish events. */
void doctor_sidecar(struct doctor *doctor, struct doctor_finding *finding)
{
    const struct config *config = &doctor->engine.config;
    struct str url;
    const char *why;
    long status;

    if (!*config->dapr_http_endpoint && config->dapr_http_port == 0) {
        doctor_skip(finding, "none is configured");
        return;
    }
    url = *config->dapr_http_endpoint
              ? arena_printf(doctor->arena, "%s/v1.0/healthz/outbound", config->dapr_http_endpoint)
              : arena_printf(doctor->arena, "http://127.0.0.1:%d/v1.0/healthz/outbound",
                             config->dapr_http_port);
    status = url.p ? http_status_of(url.p, doctor->settings->timeout_s, &why) : 0;
    if (status / 100 == 2)
        doctor_ok(doctor, finding, "%s: %ld", url.p, status);
    else if (status > 0)
        doctor_trouble(doctor, finding, DOCTOR_FAIL,
                       "look at the sidecar's log for a component that does not start",
                       "%s: HTTP status %ld", url.p, status);
    else
        doctor_trouble(doctor, finding, DOCTOR_FAIL,
                       "start the sidecar, or correct DAPR_HTTP_PORT or DAPR_HTTP_ENDPOINT",
                       "%s: %s", url.p ? url.p : "", url.p ? why : "out of memory");
}

/* Requests /health of the engine and then, if Redis can be used, /ready; without Redis /ready fails
 * in any case, and the check `redis` has the reason. */
void doctor_pool(struct doctor *doctor, struct doctor_finding *finding)
{
    const struct health_target target = {.url = doctor->settings->url,
                                         .timeout_s = doctor->settings->timeout_s};
    struct health_result result;

    health_check(&target, HEALTH_HEALTH, doctor->arena, &result);
    if (result.outcome == CTL_DONE && doctor->has_redis)
        health_check(&target, HEALTH_READY, doctor->arena, &result);
    if (result.outcome == CTL_DONE)
        doctor_ok(doctor, finding, "%s/%s: %s, version %s, %" PRId64 " ms", target.url, result.name,
                  result.status, result.version, result.duration_ms);
    else if (result.failure)
        doctor_trouble(doctor, finding, DOCTOR_FAIL,
                       "start nginx and the pool, or name the address with --url", "%s: %s",
                       target.url, result.failure);
    else
        doctor_trouble(doctor, finding, DOCTOR_FAIL,
                       "docs/troubleshooting.md; the pool's log has the reason",
                       "%s/%s: HTTP status %ld%s%s", target.url, result.name, result.http_status,
                       *result.reason ? ": " : "", result.reason);
}

/* ---- the metrics file ---- */

/* Reports what the running processes have written into the file of metrics, the worst first:
 * processes that keep old secrets because the new ones are invalid, then an open circuit breaker
 * (requests to that service are refused at once), then that there is no process. */
static void metrics_report(struct doctor *doctor, struct doctor_finding *finding,
                           const struct metrics_sample *sample)
{
    static const char *const services[METRIC_SERVICES] = {"Redis", "Dapr"};

    if (sample->gauges[GAUGE_KEYS_REFUSED] > 0) {
        doctor_trouble(doctor, finding, DOCTOR_FAIL,
                       "correct the files of secrets; docs/runbooks.md",
                       "%" PRId64 " processes keep old secrets: the new ones are not valid",
                       sample->gauges[GAUGE_KEYS_REFUSED]);
        return;
    }
    for (int i = 0; i < METRIC_SERVICES; i++) {
        if (sample->breakers[i].state != BREAKER_GAUGE_CLOSED) {
            doctor_trouble(doctor, finding, DOCTOR_WARN,
                           "see the rows redis and sidecar; mastery-ctl top",
                           "a circuit breaker for %s is open", services[i]);
            return;
        }
    }
    if (sample->n == 0)
        doctor_trouble(doctor, finding, DOCTOR_WARN, "start the pool and the worker on this host",
                       "no process of this host uses METRICS_FILE %s",
                       doctor->engine.config.metrics_file);
    else
        doctor_ok(doctor, finding, "%zu processes, circuit breakers closed", sample->n);
}

/* Reads METRICS_FILE, which the processes of the pool and the worker share on their host. When it
 * cannot be read, that is only a warning, because the doctor may run elsewhere, or as another user.
 */
void doctor_metrics(struct doctor *doctor, struct doctor_finding *finding)
{
    struct metrics_sample *sample = arena_zalloc(doctor->arena, sizeof(*sample));
    char error[200] = "out of memory";

    if (!sample || !engine_read_metrics(&doctor->engine, error)) {
        doctor_trouble(doctor, finding, DOCTOR_WARN,
                       "run the check on the host of the pool, as the engine's user or root",
                       "METRICS_FILE: %s", error);
        return;
    }
    metrics_take_sample(doctor->engine.metrics, sample);
    metrics_report(doctor, finding, sample);
}

/* ---- disk ---- */

/* Returns the free share, in percent, of the file system on which the folder of the file is, and
 * that folder ("." for a path without a slash). -1 when there is no such folder, or the file system
 * has no size. */
static int64_t free_percent(const char *path, char ret_folder[256])
{
    const char *slash = strrchr(path, '/');
    struct statvfs about;

    (void)snprintf(ret_folder, 256, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    if (ret_folder[0] == '\0')
        (void)snprintf(ret_folder, 256, "/");
    if (statvfs(ret_folder, &about) != 0 || about.f_blocks == 0)
        return -1;
    return (int64_t)((double)about.f_bavail * 100 / (double)about.f_blocks);
}

/* Checks the free space of the file systems of the files that the engine writes; a setting that is
 * empty is not used. */
void doctor_disk(struct doctor *doctor, struct doctor_finding *finding)
{
    const struct config *config = &doctor->engine.config;
    /* the slash at the end makes the folder itself the one that free_percent examines */
    struct str refusals = arena_printf(doctor->arena, "%s/", config->nginx_refusals_dir);
    const struct {
        const char *variable, *path;
    } files[] = {
        {"METRICS_FILE", config->metrics_file},
        {"JWT_JWKS_CACHE_FILE", token_keys_by_url(config) ? config->jwt_jwks_cache_file : ""},
        {"ALIVE_FILE", config->alive_file},
        {"NGINX_REFUSALS_DIR", *config->nginx_refusals_dir && refusals.p ? refusals.p : ""},
    };
    int64_t least = 100, percent;
    char folder[256];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (!*files[i].path)
            continue;
        percent = free_percent(files[i].path, folder);
        if (percent < 0 || percent < doctor->settings->min_free_percent) {
            doctor_trouble(doctor, finding, DOCTOR_FAIL,
                           percent < 0 ? "make the folder, for the engine's user"
                                       : "make room on the file system, or enlarge it",
                           percent < 0 ? "%s: there is no folder %s"
                                       : "%s: the file system of %s has %" PRId64 " %% free",
                           files[i].variable, folder, percent);
            return;
        }
        least = percent < least ? percent : least;
    }
    doctor_ok(doctor, finding, "%" PRId64 " %% free or more", least);
}

/* ---- nginx ---- */

/* Returns the text that nginx's file of this section must contain; the caller frees it. NULL when
 * out of memory. */
static char *nginx_expected(enum nginx_section section)
{
    size_t count, n = 0;
    const struct route_table *tables = route_tables(&count);
    char *text = NULL;
    FILE *out = open_memstream(&text, &n);
    bool good = out && nginx_locations_print(out, tables, count, section) == 0;

    if (out)
        (void)fclose(out);
    if (good)
        return text;
    free(text);
    return NULL;
}

/* Returns whether the file has exactly this content; false also when it cannot be read. */
static bool file_has_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "re");
    bool same = file != NULL;

    while (same && *text)
        same = fgetc(file) == (unsigned char)*text++;
    same = same && fgetc(file) == EOF;
    if (file)
        (void)fclose(file);
    return same;
}

/* Compares the files that scripts/render-nginx has made from the route tables with the texts that
 * this version makes. */
void doctor_nginx(struct doctor *doctor, struct doctor_finding *finding)
{
    static const char *const files[] = {[NGINX_MAPS] = "route-maps.conf",
                                        [NGINX_PUBLIC] = "locations-public.conf",
                                        [NGINX_SIDECAR] = "locations-sidecar.conf"};
    static const char *const folders[] = {"/run/mastery-engine-nginx/conf",
                                          "/run/mastery-nginx/conf"};
    /* NULL: the first of `folders` that is readable */
    const char *folder = doctor->settings->nginx;

    for (size_t i = 0; !folder && i < sizeof(folders) / sizeof(folders[0]); i++)
        folder = access(folders[i], R_OK | X_OK) == 0 ? folders[i] : NULL;
    if (!folder) {
        doctor_skip(finding,
                    "no configuration of nginx is here; --nginx FOLDER names another place");
        return;
    }
    for (int section = NGINX_MAPS; section <= NGINX_SIDECAR; section++) {
        struct str path = arena_printf(doctor->arena, "%s/%s", folder, files[section]);
        char *expected = nginx_expected((enum nginx_section)section);
        bool same = path.p && expected && file_has_text(path.p, expected);

        free(expected);
        if (!same) {
            doctor_trouble(doctor, finding, DOCTOR_FAIL,
                           "render the configuration again (scripts/render-nginx, or reload "
                           "mastery-engine-nginx)",
                           "%s is not what this version makes of its routes: limits or paths "
                           "differ",
                           path.p ? path.p : folder);
            return;
        }
    }
    doctor_ok(doctor, finding, "%s has the routes and limits of this version", folder);
}

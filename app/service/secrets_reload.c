/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/secrets_reload.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/service/engine.h"

enum { ERROR_SIZE = 200 };
enum { CHANGED, REFUSED }; /* the words of METRIC_KEYS */

/* The first of the lines that say what is wrong. */
static void first_line(const char *lines, char ret_error[ERROR_SIZE])
{
    struct str rest = str_of(lines ? lines : "out of memory"), line = str_cut(&rest, '\n');

    (void)snprintf(ret_error, ERROR_SIZE, "%.*s", STR_ARG(line));
}

/* The whole configuration once more: so a secret is judged as it was at start. */
static bool read_secrets(struct engine *engine, int64_t now_us, bool *ret_changed,
                         char ret_error[ERROR_SIZE])
{
    int64_t past_until_us = now_us + engine->config.key_grace_s * INT64_C(1000000);
    struct config fresh;
    char *lines = NULL;
    size_t n;
    FILE *out = open_memstream(&lines, &n);
    bool good;

    if (!out) {
        first_line(NULL, ret_error);
        return false;
    }
    good = config_load(&fresh, config_environment, out) == 0;
    (void)fclose(out);
    if (good)
        *ret_changed = config_replace_secrets(&engine->config, &fresh, past_until_us);
    else
        first_line(lines, ret_error);
    config_release(&fresh);
    free(lines);
    return good;
}

static bool read_keys(struct engine *engine, int64_t now_us, bool *ret_changed,
                      char ret_error[ERROR_SIZE])
{
    uint64_t generation;

    if (!engine->tokens)
        return true;
    generation = tokens_generation(engine->tokens);
    if (!tokens_reload(engine->tokens, now_us, ret_error))
        return false;
    *ret_changed = *ret_changed || tokens_generation(engine->tokens) != generation;
    return true;
}

static void tell_refused(struct engine *engine, const char *error)
{
    struct jw *w = log_begin(engine->log, LOG_ERROR, "keys.refused");

    jw_text(w, "reason", error);
    jw_text(w, "consequence", "the old keys stay");
    log_end(engine->log);
}

static void look(struct engine *engine, int64_t now_us, bool asked)
{
    struct secrets_state *r = &engine->secrets;
    char error[ERROR_SIZE] = "";
    bool changed = false, refused = !read_secrets(engine, now_us, &changed, error) ||
                                    !read_keys(engine, now_us, &changed, error);

    r->next_check_us = now_us + engine->config.key_poll_ms * INT64_C(1000);
    if (changed) {
        r->generation++;
        if (engine->config.log_key || engine->config.jwt_secret) /* not for another random one */
            engine_set_log_key(engine);
        metrics_add(engine->metrics, METRIC_KEYS, CHANGED, 0, 1);
    }
    if (refused)
        metrics_add(engine->metrics, METRIC_KEYS, REFUSED, 0, 1);
    metrics_gauge_set(engine->metrics, GAUGE_KEYS_REFUSED, refused);
    if (refused && (asked || !r->rejected))
        tell_refused(engine, error);
    if (!refused && (asked || changed || r->rejected)) {
        (void)log_begin(engine->log, LOG_INFO, "keys.reloaded");
        log_end(engine->log);
    }
    r->rejected = refused;
}

void secrets_reload_tick(struct engine *engine, int64_t now_us)
{
    config_wipe_old_secrets(&engine->config, now_us);
    if (engine->tokens)
        tokens_expire_keys(engine->tokens, now_us);
    if (engine->secrets.next_check_us == 0) /* they have only just been read */
        engine->secrets.next_check_us = now_us + engine->config.key_poll_ms * INT64_C(1000);
    else if (now_us >= engine->secrets.next_check_us)
        look(engine, now_us, false);
}

void secrets_reload(struct engine *engine, int64_t now_us)
{
    look(engine, now_us, true);
}

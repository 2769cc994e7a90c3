/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes audit events as lines of the log. */
#include "app/service/audit_unstored.h"

#include "app/base/clock.h"

/* Writes the keyed hash of an id (log_hash) as the member `name` of the log line; nothing for an
 * empty id. */
static void unstored_id(struct log *log, struct jw *w, const char *name, const char *id,
                        unsigned char n)
{
    char hash[LOG_HASH_SIZE];

    if (n == 0)
        return;
    log_hash(log, (struct str){id, n}, hash);
    jw_text(w, name, hash);
}

/* The level is ERROR, so that no setting of LOG_LEVEL suppresses the line. If the log drops the
 * line, because its reader stalls, its number is missing in the log. event->subjects consists of
 * JSON members already, so it is copied as it is. log_add_mac adds the MAC of the line and stores
 * it in chain->mac, as "previous" of the next line. */
void audit_unstored_log(struct engine *engine, struct audit_unstored *chain,
                        const struct audit_buffer_entry *event, const char *reason)
{
    struct log *log = engine->log;
    struct jw *w = log_begin(log, LOG_ERROR, "audit.unstored");
    char minute[TIME_TEXT_SIZE];

    time_print(event->minute * 60000, minute);
    jw_int(w, "number", ++chain->number);
    jw_text(w, "reason", reason);
    jw_text(w, "minute", minute);
    unstored_id(log, w, "actor", event->actor, event->actor_n);
    jw_text(w, "role", role_names[event->role]);
    jw_text(w, "action", event->action);
    jw_text(w, "resource_type", event->resource_type ? event->resource_type : "");
    unstored_id(log, w, "resource", event->resource_name, event->resource_name_n);
    unstored_id(log, w, "student", event->student, event->student_n);
    jw_text(w, "route", event->route);
    if (event->via)
        jw_text(w, "via", event->via);
    jw_int(w, "status", event->status);
    if (event->subjects_n > 0) {
        buf_char(w->out, ',');
        buf_str(w->out, (struct str){event->subjects, event->subjects_n});
    }
    jw_str(w, "request_id", (struct str){event->correlation, event->correlation_n});
    jw_int(w, "count", event->count);
    jw_text(w, "previous", chain->mac);
    log_add_mac(log, chain->mac);
    log_end(log);
    metrics_add(engine->metrics, METRIC_AUDIT_UNSTORED, reason, NULL, (uint64_t)event->count);
}

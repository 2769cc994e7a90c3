/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/worker/audit_report.h"

#include <stdio.h>

const int64_t AUDIT_REPORT_INTERVAL_US = 60000000;

void audit_report_shard(struct jw *jw, unsigned shard)
{
    char name[3];

    (void)snprintf(name, sizeof(name), "%02x", shard & 0xff);
    jw_text(jw, "shard", name);
}

void audit_report_anchor(const struct worker_context *w, unsigned shard, const char *kind,
                         int64_t number, const char *head)
{
    struct jw *jw = log_begin(w->engine->log, LOG_INFO, "audit.anchor");

    audit_report_shard(jw, shard);
    jw_int(jw, kind, number);
    jw_text(jw, "head", head);
    log_end(w->engine->log);
}

void audit_report_failure(const struct worker_context *w, unsigned shard, int64_t *next_us,
                          const struct audit_failure *failure)
{
    struct jw *jw;

    metrics_add(w->engine->metrics, METRIC_AUDIT_SEALS, failure->status, NULL, 1);
    if (w->now_us < *next_us)
        return;
    *next_us = w->now_us + AUDIT_REPORT_INTERVAL_US;
    jw = log_begin(w->engine->log, LOG_ERROR, failure->event);
    audit_report_shard(jw, shard);
    if (failure->folder)
        jw_text(jw, "folder", failure->folder);
    jw_text(jw, "reason", failure->reason);
    jw_text(jw, "consequence", failure->consequence);
    log_end(w->engine->log);
}

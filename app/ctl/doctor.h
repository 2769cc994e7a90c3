/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checks of mastery-ctl doctor. Each check makes one finding; the table of them is in
 * doctor.c. */
#ifndef CTL_DOCTOR_H
#define CTL_DOCTOR_H

#include "app/ctl/subcommand.h"
#include "app/store/workers.h"

struct doctor_settings {
    const char *url;          /* of the engine */
    const char *nginx;        /* folder of nginx's configuration; NULL: the packages' */
    int64_t min_free_percent; /* space of a file system below which its row fails */
    int64_t timeout_s;        /* longest wait for each response by HTTP */
    bool json;
};

enum doctor_state { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_SKIPPED, DOCTOR_STATES };

/* What a check has found. Texts are in the arena of struct doctor. */
struct doctor_finding {
    enum doctor_state state;
    struct str found;  /* what is there */
    struct str advice; /* what to do; empty with DOCTOR_OK and DOCTOR_SKIPPED */
};

/* What the checks share. Earlier checks fill what later ones need. */
struct doctor {
    const struct doctor_settings *settings;
    struct engine
        engine; /* with config, store and router; metrics only while its file is checked */
    struct arena *arena;
    bool has_config; /* the configuration is valid, and the engine has a store */
    bool has_redis;  /* Redis replies as a master with a known schema */
    struct str server, persistence, memory;     /* sections of INFO; empty: not allowed */
    struct worker_heartbeat beats[WORKERS_MAX]; /* of workers that are alive */
    size_t workers;
};

/* Set the finding: by its text alone, or with what to do. `format` is that of what was found. */
void doctor_ok(struct doctor *d, struct doctor_finding *f, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void doctor_skip(struct doctor_finding *f, const char *why);
void doctor_trouble(struct doctor *d, struct doctor_finding *f, enum doctor_state state,
                    const char *advice, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

typedef void doctor_check(struct doctor *d, struct doctor_finding *f);

/* doctor_host.c: of this host, without Redis */
doctor_check doctor_configuration, doctor_secrets, doctor_keys, doctor_provider, doctor_sidecar,
    doctor_pool, doctor_metrics, doctor_disk, doctor_nginx;
/* doctor_redis.c */
doctor_check doctor_redis, doctor_persistence, doctor_memory, doctor_clock, doctor_schema,
    doctor_workers, doctor_journal, doctor_queues, doctor_audit;

#endif

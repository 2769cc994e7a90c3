/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checks of mastery-ctl doctor. Each check makes one finding; the table of them is in
 * doctor.c. */
#ifndef CTL_DOCTOR_H
#define CTL_DOCTOR_H

#include "app/ctl/subcommand.h"
#include "app/store/workers.h"

struct doctor_settings {
    const char *url;          /* address of the engine */
    const char *nginx;        /* folder of nginx's configuration; NULL: where packages put it */
    int64_t min_free_percent; /* free space of a file system below which the check fails */
    int64_t timeout_s;        /* longest wait for each response by HTTP */
    bool json;
};

enum doctor_state { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_SKIPPED, DOCTOR_STATES };

/* What a check has found. Texts are in the arena of struct doctor. */
struct doctor_finding {
    enum doctor_state state;
    struct str found;  /* what the check has found, such as "within 3 ms of Redis" */
    struct str advice; /* what the operator should do; empty with DOCTOR_OK and DOCTOR_SKIPPED */
};

/* The state of one run, an argument of all checks. Earlier checks fill what later ones need. */
struct doctor {
    const struct doctor_settings *settings;
    struct engine engine; /* config, store, router; other parts when a check has opened them */
    struct arena *arena;
    bool has_config; /* the configuration is valid, and the engine has a store */
    bool has_redis;  /* Redis replies as a master with a known schema */
    struct str server, persistence, memory;     /* sections of INFO; empty: Redis refuses INFO */
    struct worker_heartbeat beats[WORKERS_MAX]; /* heartbeats of the workers that are alive */
    size_t workers;                             /* number of elements of `beats` */
};

/* Set a finding. doctor_ok and doctor_trouble (a warning or a failure) format the text of what was
 * found; the text of doctor_skip is why the check was not made. advice: what the operator should
 * do. */
void doctor_ok(struct doctor *doctor, struct doctor_finding *finding, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void doctor_skip(struct doctor_finding *finding, const char *why);
void doctor_trouble(struct doctor *doctor, struct doctor_finding *finding, enum doctor_state state,
                    const char *advice, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

typedef void doctor_check(struct doctor *doctor, struct doctor_finding *finding);

/* The checks of this host, without Redis; defined in doctor_host.c. */
doctor_check doctor_configuration, doctor_secrets, doctor_keys, doctor_provider, doctor_sidecar,
    doctor_pool, doctor_metrics, doctor_disk, doctor_nginx;
/* The checks of Redis and of what the workers do there; defined in doctor_redis.c. */
doctor_check doctor_redis, doctor_persistence, doctor_memory, doctor_clock, doctor_schema,
    doctor_workers, doctor_journal, doctor_queues, doctor_audit;

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A student's consents in Redis: per kind the latest CONSENT_HISTORY_MAX decisions, numbered; and
 * in the profile the codes of the kinds that are withdrawn, which the scripts that write check. */
#ifndef STORE_CONSENT_H
#define STORE_CONSENT_H

#include "app/base/problem.h"
#include "app/domain/consent.h"
#include "app/store/pipeline.h"

enum { CONSENT_HISTORY_MAX = 200 };

struct consent_record {
    int64_t version; /* from 1, per kind */
    bool granted;
    int64_t at_ms;
    struct str actor; /* role:user */
};

struct consent_change {
    struct str student;
    enum consent consent;
    bool granted;
    bool only_if_granted; /* no change unless there is an earlier decision that granted it */
    int64_t now_ms;
    struct str actor;   /* role:user */
    struct str journal; /* JSON of the entry */
};

struct command *consent_cmd_change(struct pipeline *pipeline, const struct consent_change *change);
enum consent_outcome {
    CONSENT_SAVED, /* *ret: the decision in force, this one or an earlier one that says the same */
    CONSENT_NEVER_GRANTED, /* nothing to withdraw */
    CONSENT_ERASED,        /* the student is erased: no new data */
    CONSENT_PROBLEM,       /* p says why */
};
/* Texts point into the reply. */
enum consent_outcome consent_parse_change(const struct command *command, struct consent_record *ret,
                                          struct problem *p);

/* The stored decisions of a kind, oldest first; n 0: there was none. */
struct consent_history {
    struct consent_record *v;
    size_t n;
};
struct command *consent_cmd_get(struct pipeline *pipeline, struct str student);
/* The records are in the arena, their texts point into the reply. */
bool consent_parse(const struct command *command, struct arena *arena,
                   struct consent_history ret[CONSENTS], struct problem *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A student's consents in Redis: of each kind all decisions, numbered, the latest 200 kept; and in
 * the profile the letters of what is withdrawn, which the writing scripts look at. */
#ifndef STORE_CONSENT_H
#define STORE_CONSENT_H

#include "app/base/problem.h"
#include "app/domain/consent.h"
#include "app/store/store.h"

enum { CONSENT_HISTORY_MAX = 200 };

struct consent_record {
    int64_t version; /* from 1, for each kind */
    bool granted;
    int64_t at_ms;
    struct str actor; /* role:user */
};

struct consent_change {
    struct str student;
    enum consent consent;
    bool granted;
    bool only_if_granted; /* withdrawing what there is no decision about is none */
    int64_t now_ms;
    struct str actor;   /* role:user */
    struct str journal; /* JSON of the entry */
};

struct command *consent_cmd_change(struct pipeline *a, const struct consent_change *change);
enum consent_outcome {
    CONSENT_SAVED, /* *ret is the decision there is now: this one, or the same made before */
    CONSENT_NEVER_GRANTED, /* nothing to withdraw */
    CONSENT_ERASED,        /* the student is erased: no new data */
    CONSENT_PROBLEM,       /* p says what */
};
/* Texts point into the reply. */
enum consent_outcome consent_parse_change(const struct command *command, struct consent_record *ret,
                                          struct problem *p);

/* All decisions of a kind, oldest first; n 0: never given. */
struct consent_history {
    struct consent_record *v;
    size_t n;
};
struct command *consent_cmd_get(struct pipeline *a, struct str student);
bool consent_parse(const struct command *command, struct arena *arena,
                   struct consent_history ret[CONSENTS], struct problem *p);

#endif

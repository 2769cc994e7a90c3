/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A student's consents in Redis. Per kind of consent there are the latest CONSENT_HISTORY_MAX
 * decisions, numbered. In addition, the student's profile has one letter for each withdrawn kind;
 * the Lua scripts in Redis that write data about the student check these letters. */
#ifndef STORE_CONSENT_H
#define STORE_CONSENT_H

#include "app/base/problem.h"
#include "app/domain/consent.h"
#include "app/store/pipeline.h"

enum { CONSENT_HISTORY_MAX = 200 };

/* A stored decision about one kind of consent. */
struct consent_record {
    int64_t version;  /* number of the decision, from 1 for each kind */
    bool granted;     /* false: withdrawn */
    int64_t at_ms;    /* time of the decision */
    struct str actor; /* who decided, as role:user */
};

struct consent_change {
    struct str student;
    enum consent consent;
    bool granted;         /* false: withdraw */
    bool only_if_granted; /* true: do nothing unless an earlier decision granted the consent */
    int64_t now_ms;
    struct str actor;   /* who decides, as role:user */
    struct str journal; /* entry for the journal, from which the worker processes it; JSON */
};

/* Stores a decision about consent. enum consent_outcome says when nothing is stored. */
struct command *consent_cmd_change(struct pipeline *pipeline, const struct consent_change *change);
enum consent_outcome {
    CONSENT_SAVED,         /* *ret is the decision in force: this one, or an earlier equal one */
    CONSENT_NEVER_GRANTED, /* only_if_granted: there is nothing to withdraw */
    CONSENT_ERASED,  /* the student is erased: nothing was stored. Only granting the processing
                        of data, when the erasure is complete, lets new data be stored */
    CONSENT_PROBLEM, /* the command failed; *p has the reason */
};
/* Parses the reply to consent_cmd_change. *ret is set only for CONSENT_SAVED; its texts point into
 * the reply. */
enum consent_outcome consent_parse_change(const struct command *command, struct consent_record *ret,
                                          struct problem *p);

/* The stored decisions about one kind, oldest first; n 0: there was none. */
struct consent_history {
    struct consent_record *v;
    size_t n;
};
/* Reads the student's stored decisions about all kinds of consent. */
struct command *consent_cmd_get(struct pipeline *pipeline, struct str student);
/* Parses the reply to consent_cmd_get into one history for each kind, by enum consent. The records
 * are in the arena; their texts point into the reply. */
bool consent_parse(const struct command *command, struct arena *arena,
                   struct consent_history ret[CONSENTS], struct problem *p);

#endif

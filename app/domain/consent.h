/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kinds of consent, and the effect of withdrawing each (docs/privacy.md, Consent). */
#ifndef DOMAIN_CONSENT_H
#define DOMAIN_CONSENT_H

#include "app/base/str.h"

enum consent {
    CONSENT_DATA_PROCESSING, /* withdrawn: new data about the student is refused */
    CONSENT_ANALYTICS,       /* withdrawn: no predictions, no comparisons with others */
    CONSENT_RESEARCH,        /* recorded for the operator; without effect in the engine */
    CONSENT_COMMUNICATION,   /* recorded for the operator; without effect in the engine */
    CONSENTS
};

/* The names of the kinds in requests and responses, by enum consent; the array ends with NULL. */
extern const char *const consent_names[CONSENTS + 1];

/* One letter for each kind, by enum consent. The student's profile in Redis holds the letters of
 * the withdrawn kinds, so that the Lua scripts in Redis can check them. */
extern const char consent_codes[CONSENTS + 1];
/* Returns whether the student has withdrawn the consent. codes: the letters from the student's
 * profile. A consent that was never given counts as not withdrawn. */
bool consent_withdrawn(struct str codes, enum consent consent);

/* Messages to clients whose request needs a consent that is withdrawn, or a new one after an
 * erasure. */
#define CONSENT_NO_NEW_DATA "Consent to data processing has been withdrawn"
#define CONSENT_NO_ANALYSIS "Consent to analytics has been withdrawn"
#define CONSENT_AFTER_ERASURE                                                                      \
    "The student was erased: new data needs a new consent to data_processing"

#endif

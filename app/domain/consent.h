/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a student can consent to, and what follows when that is withdrawn (docs/privacy.md). */
#ifndef DOMAIN_CONSENT_H
#define DOMAIN_CONSENT_H

#include "app/base/str.h"

enum consent {
    CONSENT_DATA_PROCESSING, /* withdrawn: no new data about the student is taken */
    CONSENT_ANALYTICS,       /* withdrawn: no predictions, no comparisons with others */
    CONSENT_RESEARCH,        /* recorded for whoever asks; nothing here hangs on it */
    CONSENT_COMMUNICATION,   /* the same */
    CONSENTS
};

/* As the contract writes them; NULL-terminated. */
extern const char *const consent_names[CONSENTS + 1];

/* What is withdrawn is a letter each in the student's profile, where every script sees it. */
extern const char consent_codes[CONSENTS + 1];
/* One that was never given is not withdrawn. */
bool consent_withdrawn(struct str letters, enum consent consent);

#define CONSENT_NO_NEW_DATA "Consent to data processing has been withdrawn"
#define CONSENT_NO_ANALYSIS "Consent to analytics has been withdrawn"

#endif

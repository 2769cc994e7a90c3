/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/domain/consent.h"

const char *const consent_names[CONSENTS + 1] = {"data_processing", "analytics", "research",
                                                 "communication", NULL};
const char consent_codes[CONSENTS + 1] = "parc";

bool consent_withdrawn(struct str letters, enum consent consent)
{
    return letters.n > 0 && memchr(letters.p, consent_codes[consent], letters.n) != NULL;
}

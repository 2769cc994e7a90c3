/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names and one-letter codes of the kinds of consent. Neither their order nor the letters may
 * change, because Redis holds the letters. */
#include "app/domain/consent.h"

const char *const consent_names[CONSENTS + 1] = {"data_processing", "analytics", "research",
                                                 "communication", NULL};
const char consent_codes[CONSENTS + 1] = "parc";

bool consent_withdrawn(struct str codes, enum consent consent)
{
    return codes.n > 0 && memchr(codes.p, consent_codes[consent], codes.n) != NULL;
}

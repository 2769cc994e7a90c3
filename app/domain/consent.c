/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names and codes must keep their order and letters: Redis holds the codes. */
#include "app/domain/consent.h"

const char *const consent_names[CONSENTS + 1] = {"data_processing", "analytics", "research",
                                                 "communication", NULL};
const char consent_codes[CONSENTS + 1] = "parc";

bool consent_withdrawn(struct str codes, enum consent consent)
{
    return codes.n > 0 && memchr(codes.p, consent_codes[consent], codes.n) != NULL;
}

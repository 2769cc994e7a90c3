/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Callbacks: where they may go, and how they prove that they are ours (docs/security.md). */
#ifndef SERVICE_CALLBACK_H
#define SERVICE_CALLBACK_H

#include "app/base/config.h"
#include "app/base/digest.h"

/* Why no callback may go there, NULL when it may. Looks at the text as libcurl will read it, never
 * at what a name stands for: that is looked at when the connection is made. */
const char *callback_refusal(const struct config *config, struct str url);

/* HMAC-SHA-256 with CALLBACK_SECRET over timestamp, a dot and the body, as hex digits. False
 * without memory. */
bool callback_sign(const struct config *config, struct str timestamp, struct str body,
                   char ret_hex[DIGEST_HEX_SIZE]);

#endif

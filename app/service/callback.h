/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Callbacks: POSTs to the URL that a batch named, at the end of the batch. Here are the check of
 * this URL, and the signature by which the receiver knows that a callback comes from the engine
 * (docs/security.md, Threats). */
#ifndef SERVICE_CALLBACK_H
#define SERVICE_CALLBACK_H

#include "app/base/config.h"
#include "app/base/digest.h"

/* Returns the reason why the URL is refused, as the end of a sentence; NULL when it is allowed. The
 * host name is not resolved here: its address is checked when the connection is made. */
const char *callback_refusal(const struct config *config, struct str url);

/* Computes the signature: the HMAC-SHA-256 of timestamp, a dot and the body with CALLBACK_SECRET as
 * key, in hexadecimal digits. False when no secret is configured or out of memory. */
bool callback_sign(const struct config *config, struct str timestamp, struct str body,
                   char ret_hex[DIGEST_HEX_SIZE]);

#endif

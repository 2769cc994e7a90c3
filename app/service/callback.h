/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Callbacks of batches: which URLs are allowed, and the signature by which the receiver knows that
 * a callback is genuine (docs/security.md, Threats). */
#ifndef SERVICE_CALLBACK_H
#define SERVICE_CALLBACK_H

#include "app/base/config.h"
#include "app/base/digest.h"

/* Why the URL is refused; NULL when it is allowed. Parses the text as libcurl will parse it. Does
 * not resolve the host name: the address is checked when the connection is made. */
const char *callback_refusal(const struct config *config, struct str url);

/* HMAC-SHA-256 with CALLBACK_SECRET over timestamp, a dot and the body, in hexadecimal digits.
 * False without a secret, or without memory. */
bool callback_sign(const struct config *config, struct str timestamp, struct str body,
                   char ret_hex[DIGEST_HEX_SIZE]);

#endif

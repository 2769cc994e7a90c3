/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Encodes commands in RESP, the protocol of Redis (an array of bulk strings). The function of
 * hiredis is not used, because it formats like printf and takes several times as long for commands
 * with many short texts. */
#ifndef STORE_RESP_H
#define STORE_RESP_H

#include <hiredis/sds.h>

#include "app/base/str.h"

/* Appends the encoded command, the argc texts in argv, to *out: an sds string of hiredis, whose
 * address may change. Returns false, with *out unchanged, when out of memory. */
bool resp_append(sds *out, const struct str *argv, int argc);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Encodes commands in RESP, the protocol of Redis (an array of bulk strings). hiredis can do it
 * too, but by a printf-like function that takes several times as long for commands of many short
 * texts. */
#ifndef STORE_RESP_H
#define STORE_RESP_H

#include <hiredis/sds.h>

#include "app/base/str.h"

/* Appends the encoded command, whose argc texts are argv, to *out: a growing string of hiredis,
 * whose address may change. False: out of memory, and *out is unchanged. */
bool resp_append(sds *out, const struct str *argv, int argc);

#endif

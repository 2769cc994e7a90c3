/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Encodes commands for Redis (RESP: an array of bulk strings). hiredis can do it too, but by a
 * printf-like function that takes several times as long for many short texts. */
#ifndef STORE_RESP_H
#define STORE_RESP_H

#include <hiredis/sds.h>

#include "app/base/str.h"

/* Appends the command to *out, which may move. False: out of memory, *out is unchanged. */
bool resp_append(sds *out, const struct str *argv, int argc);

#endif
